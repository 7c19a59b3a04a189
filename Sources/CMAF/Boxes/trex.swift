package import Wire

/// Defaults for a track's samples where its fragments say nothing.
///
/// ISO/IEC 14496-12 §8.8.3.
package struct TrackExtends: Sendable, Hashable {
  package var trackID: UInt32
  package var sampleDescriptionIndex: UInt32
  package var sampleDuration: UInt32
  package var sampleSize: UInt32
  package var sampleFlags: SampleFlags

  package init(
    trackID: UInt32,
    sampleDescriptionIndex: UInt32 = 1,
    sampleDuration: UInt32 = 0,
    sampleSize: UInt32 = 0,
    sampleFlags: SampleFlags = SampleFlags(rawValue: 0)
  ) {
    self.trackID = trackID
    self.sampleDescriptionIndex = sampleDescriptionIndex
    self.sampleDuration = sampleDuration
    self.sampleSize = sampleSize
    self.sampleFlags = sampleFlags
  }

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    _ = try fields.versionAndFlags()
    trackID = try fields.u32("track_ID")
    sampleDescriptionIndex = try fields.u32("default_sample_description_index")
    sampleDuration = try fields.u32("default_sample_duration")
    sampleSize = try fields.u32("default_sample_size")
    sampleFlags = SampleFlags(rawValue: try fields.u32("default_sample_flags"))
  }

  package func write(to writer: inout ByteWriter) {
    writer.fullBox("trex") { box in
      box.write(trackID)
      box.write(sampleDescriptionIndex)
      box.write(sampleDuration)
      box.write(sampleSize)
      box.write(sampleFlags.rawValue)
    }
  }
}

/// How a sample depends on others.
///
/// ISO/IEC 14496-12 §8.8.3.1.
package struct SampleFlags: Sendable, Hashable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Decodable alone: sample_is_non_sync_sample is 0.
  package var isSync: Bool { rawValue & 0x0001_0000 == 0 }

  /// Depends on no other sample.
  package static let sync = SampleFlags(rawValue: 0x0200_0000)
  /// Depends on others.
  package static let nonSync = SampleFlags(rawValue: 0x0101_0000)
}
