internal import Wire

/// One rendition's media in the order of its time: what must hold from one chunk to the next.
///
/// Give it either whole segments or parts, each once, in order: CMAF-005, CMAF-006, and the parts of
/// CMAF-009 and CMAF-014 that one segment doesn't show.
struct TrackChain: Sendable {
  /// Event messages remembered for comparison.
  static let maximumEvents = 256

  private(set) var timescale: UInt32?
  /// Where the next chunk must start, in ticks; nil at the beginning.
  private(set) var end: Int64?
  private var sequenceNumber: UInt32?
  private var events: [EventMessage] = []

  /// Takes an init segment, also one that comes again.
  mutating func take(_ header: InitHeader, subject: String, _ ledger: inout Ledger) {
    guard let track = header.leadingTrack else { return }
    if let timescale {
      ledger.expect(
        "CMAF-009",
        timescale == track.timescale,
        subject,
        "timescale \(track.timescale), before it \(timescale)"
      )
    }
    timescale = track.timescale
  }

  /// Takes the segment or part that follows.
  ///
  /// `isContinuous` is false after a signalled discontinuity and after media that was not seen; then
  /// its first chunk may start anywhere.
  mutating func take(
    _ segment: MediaSegment,
    isContinuous: Bool,
    subject: String,
    _ ledger: inout Ledger
  ) {
    if !isContinuous {
      end = nil
      sequenceNumber = nil
    }
    for chunk in segment.chunks {
      if let start = chunk.start {
        if let end {
          ledger.expect(
            "CMAF-005",
            start == end,
            subject,
            "a chunk starts at \(start), the one before ended at \(end)"
          )
        }
        end = start + chunk.duration
      }
      if let number = chunk.fragment.sequenceNumbers.first {
        if let previous = sequenceNumber {
          ledger.expect(
            "CMAF-006",
            number > previous,
            subject,
            "sequence number \(number) after \(previous)"
          )
        }
        sequenceNumber = number
      }
      for event in chunk.preamble.events { take(event, subject, &ledger) }
    }
  }

  /// Compares an event with those seen before it.
  private mutating func take(
    _ event: EventMessage,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    if let earlier = events.first(where: { event.isSameEvent(as: $0) }) {
      ledger.expect(
        "CMAF-014",
        earlier.id == event.id,
        subject,
        "an event of \(event.scheme) repeated with id \(event.id), before it \(earlier.id)"
      )
      return
    }
    if events.count == Self.maximumEvents { events.removeFirst() }
    events.append(event)
  }
}
