import Wire

/// A run of samples whose data is contiguous; entries are decoded one at a time.
///
/// ISO/IEC 14496-12 §8.8.8.
package struct TrackRun: Sendable, Hashable {
  package let version: UInt8
  package let flags: UInt32
  /// From the base of the fragment (its `moof`) to the first sample; nil continues the last run.
  package let dataOffset: Int32?
  package let firstSampleFlags: SampleFlags?
  /// At most 65,536.
  package let sampleCount: Int
  /// `sampleCount` entries of `entryCount` bytes.
  private let entries: Bytes
  private let entryCount: Int

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    (version, flags) = try fields.versionAndFlags()
    let count = try fields.u32("sample_count")
    guard count <= TrackRun.maximumSamples else {
      throw .limit(
        box: box.type,
        field: "sample_count",
        value: UInt64(count),
        limit: UInt64(TrackRun.maximumSamples)
      )
    }
    sampleCount = Int(count)
    dataOffset =
      flags & Flag.dataOffset != 0
      ? Int32(bitPattern: try fields.u32("data_offset")) : nil
    firstSampleFlags =
      flags & Flag.firstSampleFlags != 0
      ? SampleFlags(rawValue: try fields.u32("first_sample_flags")) : nil
    let present = flags & (Flag.duration | Flag.size | Flag.flags | Flag.compositionOffset)
    entryCount = present.nonzeroBitCount * 4
    entries = try fields.bytes(sampleCount * entryCount, "samples")
  }

  /// What the run itself says of a sample; nil where a default applies.
  struct Entry {
    var duration: UInt32?
    var size: UInt32?
    var flags: SampleFlags?
    var compositionOffset: Int64 = 0
  }

  /// The entry of a sample in `0..<sampleCount`.
  func entry(at index: Int) -> Entry {
    var entry = Entry()
    var position = index * entryCount
    func next() -> UInt32 {
      defer { position += 4 }
      return (0..<4).reduce(0) { $0 << 8 | UInt32(entries[position + $1]) }
    }
    if flags & Flag.duration != 0 { entry.duration = next() }
    if flags & Flag.size != 0 { entry.size = next() }
    if flags & Flag.flags != 0 { entry.flags = SampleFlags(rawValue: next()) }
    if flags & Flag.compositionOffset != 0 {
      // Version 0 is unsigned by the letter; muxers write negative offsets there too, and no real
      // offset reaches 2^31 ticks.
      entry.compositionOffset = Int64(Int32(bitPattern: next()))
    }
    if index == 0, let firstSampleFlags { entry.flags = firstSampleFlags }
    return entry
  }

  enum Flag {
    static let dataOffset: UInt32 = 0x1
    static let firstSampleFlags: UInt32 = 0x4
    static let duration: UInt32 = 0x100
    static let size: UInt32 = 0x200
    static let flags: UInt32 = 0x400
    static let compositionOffset: UInt32 = 0x800
  }

  /// Above an hour of audio frames in one run; a run of defaults costs no bytes per sample, so the
  /// input's size does not bound it.
  static let maximumSamples: UInt32 = 65_536
}
