package import Wire

/// Which track a fragment belongs to, and defaults for its samples; nil falls back to `trex`.
///
/// ISO/IEC 14496-12 §8.8.7.
package struct TrackFragmentHeader: Sendable, Hashable {
  package var trackID: UInt32
  /// A position in a file; never usable in a stream.
  package var baseDataOffset: UInt64?
  package var sampleDescriptionIndex: UInt32?
  package var sampleDuration: UInt32?
  package var sampleSize: UInt32?
  package var sampleFlags: SampleFlags?
  /// duration-is-empty: the fragment has no samples.
  package var isEmpty: Bool
  /// Offsets count from the start of the `moof`.
  package var isDefaultBaseMoof: Bool

  package init(
    trackID: UInt32,
    sampleDuration: UInt32? = nil,
    sampleSize: UInt32? = nil,
    sampleFlags: SampleFlags? = nil
  ) {
    self.trackID = trackID
    self.sampleDuration = sampleDuration
    self.sampleSize = sampleSize
    self.sampleFlags = sampleFlags
    isEmpty = false
    isDefaultBaseMoof = true
  }

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    let flags = try fields.versionAndFlags().flags
    trackID = try fields.u32("track_ID")
    if flags & Flag.baseDataOffset != 0 {
      baseDataOffset = try fields.unsigned(8, "base_data_offset")
    }
    if flags & Flag.sampleDescriptionIndex != 0 {
      sampleDescriptionIndex = try fields.u32("sample_description_index")
    }
    if flags & Flag.sampleDuration != 0 {
      sampleDuration = try fields.u32("default_sample_duration")
    }
    if flags & Flag.sampleSize != 0 { sampleSize = try fields.u32("default_sample_size") }
    if flags & Flag.sampleFlags != 0 {
      sampleFlags = SampleFlags(rawValue: try fields.u32("default_sample_flags"))
    }
    isEmpty = flags & Flag.durationIsEmpty != 0
    isDefaultBaseMoof = flags & Flag.defaultBaseIsMoof != 0
  }

  package func write(to writer: inout ByteWriter) {
    var flags: UInt32 = 0
    if baseDataOffset != nil { flags |= Flag.baseDataOffset }
    if sampleDescriptionIndex != nil { flags |= Flag.sampleDescriptionIndex }
    if sampleDuration != nil { flags |= Flag.sampleDuration }
    if sampleSize != nil { flags |= Flag.sampleSize }
    if sampleFlags != nil { flags |= Flag.sampleFlags }
    if isEmpty { flags |= Flag.durationIsEmpty }
    if isDefaultBaseMoof { flags |= Flag.defaultBaseIsMoof }
    writer.fullBox("tfhd", flags: flags) { box in
      box.write(trackID)
      if let baseDataOffset { box.write(baseDataOffset) }
      if let sampleDescriptionIndex { box.write(sampleDescriptionIndex) }
      if let sampleDuration { box.write(sampleDuration) }
      if let sampleSize { box.write(sampleSize) }
      if let sampleFlags { box.write(sampleFlags.rawValue) }
    }
  }

  private enum Flag {
    static let baseDataOffset: UInt32 = 0x1
    static let sampleDescriptionIndex: UInt32 = 0x2
    static let sampleDuration: UInt32 = 0x8
    static let sampleSize: UInt32 = 0x10
    static let sampleFlags: UInt32 = 0x20
    static let durationIsEmpty: UInt32 = 0x1_0000
    static let defaultBaseIsMoof: UInt32 = 0x2_0000
  }
}
