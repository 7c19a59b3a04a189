package import Wire

/// A timed event carried beside the media.
///
/// ISO/IEC 23009-1 §5.10.3.3.
package struct EventMessage: Sendable, Hashable {
  /// When an event starts.
  package enum Start: Sendable, Hashable {
    /// Version 0: after the earliest presentation time of its segment.
    case afterSegmentStart(ticks: UInt32)
    /// Version 1: on the track's presentation timeline.
    case presentation(ticks: UInt64)
  }

  package var schemeURI: String
  package var value: String
  /// Ticks per second of start and duration.
  package var timescale: UInt32
  package var start: Start
  /// 0xFFFFFFFF when unknown.
  package var duration: UInt32
  package var id: UInt32
  package var message: Bytes

  package init(
    schemeURI: String,
    value: String,
    timescale: UInt32,
    start: Start,
    duration: UInt32,
    id: UInt32,
    message: Bytes
  ) {
    self.schemeURI = schemeURI
    self.value = value
    self.timescale = timescale
    self.start = start
    self.duration = duration
    self.id = id
    self.message = message
  }

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    let version = try fields.versionAndFlags().version
    switch version {
    case 0:
      schemeURI = fields.text()
      value = fields.text()
      timescale = try fields.u32("timescale")
      start = .afterSegmentStart(ticks: try fields.u32("presentation_time_delta"))
      duration = try fields.u32("event_duration")
      id = try fields.u32("id")
    case 1:
      timescale = try fields.u32("timescale")
      start = .presentation(ticks: try fields.unsigned(8, "presentation_time"))
      duration = try fields.u32("event_duration")
      id = try fields.u32("id")
      schemeURI = fields.text()
      value = fields.text()
    default: throw fields.invalid("version", version)
    }
    message = fields.rest()
  }

  package func write(to writer: inout ByteWriter) {
    func writeNames(_ box: inout ByteWriter) {
      box.write(utf8: schemeURI)
      box.write(UInt8(0))
      box.write(utf8: value)
      box.write(UInt8(0))
    }
    switch start {
    case .afterSegmentStart(let ticks):
      writer.fullBox("emsg", version: 0) { box in
        writeNames(&box)
        box.write(timescale)
        box.write(ticks)
        box.write(duration)
        box.write(id)
        box.write(message)
      }
    case .presentation(let ticks):
      writer.fullBox("emsg", version: 1) { box in
        box.write(timescale)
        box.write(ticks)
        box.write(duration)
        box.write(id)
        writeNames(&box)
        box.write(message)
      }
    }
  }
}
