/// What a multivariant playlist shows by itself.
enum MultivariantRules {
  static func judge(
    _ playlist: MultivariantPlaylist,
    complaints: [Complaint],
    subject: String,
    into ledger: inout Ledger
  ) {
    for complaint in complaints + playlist.complaints {
      ledger.record(complaint.requirement, .fail, subject, complaint.text)
    }
    ledger.record("HLS-001", .pass, subject, "\(playlist.variants.count) variants read")
    ledger.record("HLS-004", .pass, subject, "\(playlist.variants.count) variants read")
    ledger.expect("HLS-005", !playlist.variants.isEmpty, subject, "variants")
    ledger.expect(
      "HLS-003",
      (playlist.version ?? 0) >= 1,
      subject,
      "version \(playlist.version ?? 0)"
    )
    for variant in playlist.variants { judge(variant, of: playlist, subject, &ledger) }
    judgeRenditions(playlist, subject, &ledger)
  }

  private static func judge(
    _ variant: VariantEntry,
    of playlist: MultivariantPlaylist,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let attributes = variant.attributes
    let bandwidth = attributes.integer("BANDWIDTH") ?? 0
    ledger.expect("HLS-005", bandwidth > 0, subject, "\(variant.uri): BANDWIDTH \(bandwidth)")
    let codecs = attributes["CODECS"] ?? ""
    ledger.expect("HLS-006", !codecs.isEmpty, subject, "\(variant.uri): CODECS \"\(codecs)\"")
    let average = attributes.integer("AVERAGE-BANDWIDTH") ?? 0
    var missing = average > 0 ? [] : ["AVERAGE-BANDWIDTH"]
    if isVideo(variant) {
      for name in ["RESOLUTION", "FRAME-RATE"] where attributes[name] == nil {
        missing.append(name)
      }
    }
    ledger.expect("HLS-007", missing.isEmpty, subject, "\(variant.uri): missing \(missing)")
    for (name, type) in [("AUDIO", "AUDIO"), ("SUBTITLES", "SUBTITLES"), ("VIDEO", "VIDEO")] {
      guard let group = attributes[name] else { continue }
      let exists = playlist.renditions.contains { $0["TYPE"] == type && $0["GROUP-ID"] == group }
      ledger.expect(
        "HLS-008",
        exists,
        subject,
        "\(variant.uri): \(name) group \(group) \(exists ? "exists" : "does not exist")"
      )
    }
  }

  /// Whether a variant has pictures, as far as its attributes tell.
  static func isVideo(_ variant: VariantEntry) -> Bool {
    guard variant.attributes["RESOLUTION"] == nil else { return true }
    let formats = (variant.attributes["CODECS"] ?? "").split(separator: ",").map { trimmed($0) }
    return formats.contains { format in
      videoFormats.contains(String(format.prefix { $0 != "." }))
    }
  }

  private static let videoFormats: Set = [
    "avc1", "avc3", "hvc1", "hev1", "dvh1", "dvhe", "av01", "vp08", "vp09", "vvc1",
  ]

  private static func judgeRenditions(
    _ playlist: MultivariantPlaylist,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    if playlist.renditions.isEmpty {
      ledger.record("HLS-008", .notApplicable, subject, "no renditions")
    }
    var names: Set<String> = []
    var defaults: Set<String> = []
    for rendition in playlist.renditions {
      let type = rendition["TYPE"] ?? ""
      let group = "\(type) \(rendition["GROUP-ID"] ?? "")"
      let name = rendition["NAME"] ?? ""
      var faults: [String] = []
      for needed in ["TYPE", "GROUP-ID", "NAME"] where rendition[needed] == nil {
        faults.append("\(needed) missing")
      }
      if type != "VIDEO", type != "CLOSED-CAPTIONS", rendition["LANGUAGE"] == nil {
        faults.append("LANGUAGE missing")
      }
      if !names.insert("\(group) \(name)").inserted { faults.append("NAME stands twice") }
      if rendition.isYes("DEFAULT"), !defaults.insert(group).inserted {
        faults.append("a second DEFAULT=YES")
      }
      ledger.expect("HLS-008", faults.isEmpty, subject, "\(group) \(name): \(faults)")
    }
  }

  /// Compares CODECS of a variant with what its init segments, and those of its audio, hold.
  static func judgeCodecs(
    _ variant: VariantEntry,
    actual: Set<String>,
    subject: String,
    into ledger: inout Ledger
  ) {
    guard !actual.isEmpty else { return }
    // Digits of profiles are hexadecimal, in either case.
    let told = Set(
      (variant.attributes["CODECS"] ?? "").split(separator: ",").map { trimmed($0).lowercased() }
    )
    let actual = Set(actual.map { $0.lowercased() })
    // Text renditions have formats of their own that no init segment names.
    let text: Set = ["wvtt", "stpp", "stpp.ttml.im1t"]
    ledger.expect(
      "HLS-006",
      actual.isSubset(of: told) && told.subtracting(text).isSubset(of: actual),
      subject,
      "CODECS \(told.sorted()), init segments \(actual.sorted())"
    )
  }

  /// Compares RESOLUTION with the coded size.
  static func judgeResolution(
    _ variant: VariantEntry,
    width: Int,
    height: Int,
    subject: String,
    into ledger: inout Ledger
  ) {
    let told = variant.attributes["RESOLUTION"] ?? "absent"
    ledger.expect(
      "HLS-007",
      told == "\(width)x\(height)",
      subject,
      "RESOLUTION \(told), coded \(width)x\(height)"
    )
  }

  /// Judges whether independent segments are announced, here or in every media playlist.
  static func judgeIndependence(
    _ playlist: MultivariantPlaylist?,
    media: [MediaPlaylist],
    subject: String,
    into ledger: inout Ledger
  ) {
    guard !media.isEmpty else { return }
    let holds =
      playlist?.hasIndependentSegments == true || media.allSatisfy(\.hasIndependentSegments)
    ledger.expect(
      "HLS-010",
      holds,
      subject,
      "EXT-X-INDEPENDENT-SEGMENTS is \(holds ? "" : "not ")there"
    )
  }
}
