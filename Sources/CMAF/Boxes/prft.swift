package import Wire

/// When a sample was produced, in wall-clock time.
///
/// ISO/IEC 14496-12 §8.16.5.
package struct ProducerReferenceTime: Sendable, Hashable {
  package let version: UInt8
  /// What the time is of: 0 encoder input, 1 encoder output, 2 moof finalised, 4 moof written,
  /// 8 arbitrary but consistent, 24 captured.
  package var flags: UInt32
  package var trackID: UInt32
  /// Seconds since 1900 in the high half, fractions of 2^-32 s in the low half.
  package var ntpTimestamp: UInt64
  /// In ticks of the track's timescale.
  package var mediaTime: UInt64

  package init(flags: UInt32 = 0, trackID: UInt32, ntpTimestamp: UInt64, mediaTime: UInt64) {
    version = 1
    self.flags = flags
    self.trackID = trackID
    self.ntpTimestamp = ntpTimestamp
    self.mediaTime = mediaTime
  }

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    (version, flags) = try fields.versionAndFlags()
    trackID = try fields.u32("reference_track_ID")
    ntpTimestamp = try fields.unsigned(8, "ntp_timestamp")
    mediaTime = try fields.versioned(version, "media_time")
  }

  /// The wall-clock time, in the NTP era that contains 2026.
  package var wallClock: UTCTime {
    // From 1900-01-01 to 1970-01-01; era 0 ends in 2036, so small seconds mean era 1.
    let seconds = Int64(ntpTimestamp >> 32)
    let era: Int64 = seconds < 0x8000_0000 ? 1 << 32 : 0
    let fraction = ((ntpTimestamp & 0xFFFF_FFFF) * 1_000_000) >> 32
    return UTCTime(
      microseconds: (seconds + era - ProducerReferenceTime.secondsTo1970) * 1_000_000
        + Int64(fraction)
    )
  }

  /// The NTP timestamp of a wall-clock time from 1968 to 2104.
  package static func ntpTimestamp(_ time: UTCTime) -> UInt64 {
    let (whole, rest) = time.microseconds.quotientAndRemainder(dividingBy: 1_000_000)
    let seconds = (rest < 0 ? whole - 1 : whole) + secondsTo1970
    let microseconds = UInt64(rest < 0 ? rest + 1_000_000 : rest)
    // Rounded up, so that reading it back gives the same microsecond.
    let fraction = ((microseconds << 32) + 999_999) / 1_000_000
    return UInt64(truncatingIfNeeded: seconds) << 32 | fraction
  }

  package func write(to writer: inout ByteWriter) {
    let isLong = version != 0 || mediaTime > UInt64(UInt32.max)
    writer.fullBox("prft", version: isLong ? 1 : 0, flags: flags) { box in
      box.write(trackID)
      box.write(ntpTimestamp)
      box.writeBigEndian(mediaTime, width: isLong ? 8 : 4)
    }
  }

  private static let secondsTo1970: Int64 = 2_208_988_800
}
