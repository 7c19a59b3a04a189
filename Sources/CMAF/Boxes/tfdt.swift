package import Wire

/// The decode time of a fragment's first sample.
///
/// ISO/IEC 14496-12 §8.8.12.
package struct TrackFragmentDecodeTime: Sendable, Hashable {
  /// 0 for a 32-bit time, 1 for a 64-bit one.
  package let version: UInt8
  /// In ticks of the track's timescale, 0…2^62.
  package let baseMediaDecodeTime: Int64

  package init(baseMediaDecodeTime: Int64) {
    precondition(baseMediaDecodeTime >= 0, "decode times are not negative")
    version = 1
    self.baseMediaDecodeTime = baseMediaDecodeTime
  }

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    version = try fields.versionAndFlags().version
    let time = try fields.versioned(version, "baseMediaDecodeTime")
    // Leaves room to add every duration of a window without overflow.
    guard time <= TrackFragmentDecodeTime.maximum else {
      throw fields.invalid("baseMediaDecodeTime", time)
    }
    baseMediaDecodeTime = Int64(time)
  }

  package func write(to writer: inout ByteWriter) {
    writer.fullBox("tfdt", version: version) { box in
      box.writeBigEndian(UInt64(baseMediaDecodeTime), width: version == 0 ? 4 : 8)
    }
  }

  static let maximum: UInt64 = 1 << 62
}
