internal import Wire

/// A `prft`: the wall clock when a media time was produced.
///
/// ISO/IEC 14496-12 §8.16.5.
struct ProducerTime: Sendable, Hashable {
  let trackID: UInt32
  /// Microseconds are rounded down from NTP's fractions.
  let wallClock: UTCTime
  /// In ticks of the track.
  let mediaTime: Int64

  init(_ box: Box) throws(DecodeError) {
    self = try box.read { reader throws(DecodeError) in
      let (version, _) = try reader.readFullBoxHeader()
      let trackID = try reader.readUInt32()
      let seconds = Int64(try reader.readUInt32())
      let fraction = Int64(try reader.readUInt32())
      let time = version == 1 ? try reader.readUInt64() : UInt64(try reader.readUInt32())
      guard time < 1 << 62 else { throw .invalid("media time \(time) is past 2^62") }
      let micros = (seconds - secondsFrom1900To1970) * 1_000_000 + ((fraction * 1_000_000) >> 32)
      return ProducerTime(
        trackID: trackID,
        wallClock: UTCTime(microseconds: micros),
        mediaTime: Int64(time)
      )
    }
  }

  init(trackID: UInt32, wallClock: UTCTime, mediaTime: Int64) {
    self.trackID = trackID
    self.wallClock = wallClock
    self.mediaTime = mediaTime
  }
}

/// NTP counts from 1900, UTC here from 1970.
private let secondsFrom1900To1970: Int64 = 2_208_988_800

/// An `emsg`.
///
/// ISO/IEC 23009-1 §5.10.3.3.
struct EventMessage: Sendable, Hashable {
  let version: UInt8
  let scheme: String
  let value: String
  let timescale: UInt32
  /// Absolute for version 1, from the segment's start for version 0; in units of `timescale`.
  let presentationTime: UInt64
  let duration: UInt32
  let id: UInt32
  let message: Bytes

  init(_ box: Box) throws(DecodeError) {
    self = try box.read { reader throws(DecodeError) in
      let (version, _) = try reader.readFullBoxHeader()
      if version == 1 {
        let timescale = try reader.readUInt32()
        let time = try reader.readUInt64()
        let duration = try reader.readUInt32()
        let id = try reader.readUInt32()
        let scheme = reader.readTerminatedText()
        let value = reader.readTerminatedText()
        return EventMessage(
          version: version,
          scheme: scheme,
          value: value,
          timescale: timescale,
          presentationTime: time,
          duration: duration,
          id: id,
          message: reader.readRest()
        )
      }
      let scheme = reader.readTerminatedText()
      let value = reader.readTerminatedText()
      let timescale = try reader.readUInt32()
      let time = UInt64(try reader.readUInt32())
      let duration = try reader.readUInt32()
      let id = try reader.readUInt32()
      return EventMessage(
        version: version,
        scheme: scheme,
        value: value,
        timescale: timescale,
        presentationTime: time,
        duration: duration,
        id: id,
        message: reader.readRest()
      )
    }
  }

  init(
    version: UInt8,
    scheme: String,
    value: String,
    timescale: UInt32,
    presentationTime: UInt64,
    duration: UInt32,
    id: UInt32,
    message: Bytes
  ) {
    self.version = version
    self.scheme = scheme
    self.value = value
    self.timescale = timescale
    self.presentationTime = presentationTime
    self.duration = duration
    self.id = id
    self.message = message
  }

  /// Whether both announce one event, which then must have one id.
  func isSameEvent(as other: EventMessage) -> Bool {
    scheme == other.scheme && value == other.value && timescale == other.timescale
      && presentationTime == other.presentationTime && duration == other.duration
      && message == other.message
  }
}
