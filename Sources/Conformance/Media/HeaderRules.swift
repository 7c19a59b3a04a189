internal import Wire

/// The requirements on CMAF media; pure functions of bytes and of what is expected of them.
///
/// Every rule writes what it saw into a ledger under the subject that the caller names, usually a URL.
enum CMAFRules {
  /// Brands that promise at least what movie fragments with `tfdt` and default bases need.
  private static let fitBrands: Set<String> = [
    "iso6", "iso7", "iso8", "iso9", "isoa", "isob", "isoc", "cmfc", "cmf2",
  ]

  /// Judges an init segment, CMAF-001 and CMAF-002; returns it when it can be read.
  static func judge(
    header bytes: Bytes,
    subject: String,
    _ ledger: inout Ledger
  ) -> InitHeader? {
    let header: InitHeader
    do throws(DecodeError) { header = try InitHeader(bytes) } catch {
      ledger.record("CMAF-001", .fail, subject, "not an init segment: \(error)")
      return nil
    }
    judgeBoxes(of: header, subject, &ledger)
    judgeTrack(of: header, subject, &ledger)
    return header
  }

  private static func judgeBoxes(
    of header: InitHeader,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    var faults: [String] = []
    if header.topLevelTypes.first != "ftyp" {
      faults.append("begins with \(header.topLevelTypes.first ?? "nothing")")
    }
    if fitBrands.isDisjoint(with: header.brands) { faults.append("brands \(header.brands)") }
    for type in ["moof", "mdat"] where header.topLevelTypes.contains(type) {
      faults.append("holds \(type)")
    }
    if header.topLevelTypes.filter({ $0 == "moov" }).count != 1 {
      faults.append("more than one moov")
    }
    if !header.isFragmented { faults.append("no mvex") }
    if header.movieDuration != 0 { faults.append("mvhd duration \(header.movieDuration)") }
    for track in header.tracks {
      if track.defaults == nil { faults.append("no trex for track \(track.id)") }
      if track.durations.contains(where: { $0 != 0 }) {
        faults.append("tkhd and mdhd durations \(track.durations)")
      }
      if track.tableSampleCount != 0 {
        faults.append("\(track.tableSampleCount) samples in the moov")
      }
      if track.timescale == 0 { faults.append("a timescale of 0") }
    }
    ledger.expect(
      "CMAF-001",
      faults.isEmpty,
      subject,
      faults.isEmpty
        ? "\(header.brands.joined(separator: " ")); \(header.topLevelTypes.joined(separator: " "))"
        : faults.joined(separator: "; ")
    )
  }

  private static func judgeTrack(
    of header: InitHeader,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    var faults: [String] = []
    if header.tracks.count != 1 { faults.append("\(header.tracks.count) tracks") }
    for entry in header.tracks.flatMap(\.sampleEntries) {
      if ["avc3", "hev1", "dvhe", "dva1"].contains(entry.format) {
        faults.append("\(entry.format) keeps parameter sets in the samples")
      }
      if !entry.hasParameterSets { faults.append("\(entry.format) without parameter sets") }
      if entry.codec == nil { faults.append("\(entry.format) without its configuration box") }
    }
    if header.tracks.contains(where: { $0.sampleEntries.isEmpty }) {
      faults.append("no sample entry")
    }
    let codecs = header.tracks.flatMap(\.sampleEntries).map { $0.codec ?? $0.format }
    ledger.expect(
      "CMAF-002",
      faults.isEmpty,
      subject,
      faults.isEmpty ? codecs.joined(separator: ",") : faults.joined(separator: "; ")
    )
  }
}
