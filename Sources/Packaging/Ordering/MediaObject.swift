package import Wire

/// Where an object stands in its track.
///
/// MOQT §"Location".
package struct ObjectPosition: Comparable, Hashable, Sendable {
  package var group: UInt64
  package var object: UInt64

  package init(group: UInt64, object: UInt64) {
    self.group = group
    self.object = object
  }

  package static func < (left: ObjectPosition, right: ObjectPosition) -> Bool {
    left.group != right.group ? left.group < right.group : left.object < right.object
  }
}

/// One CMAF chunk with what cutting needs to know of it; times in ticks of the track's timescale.
package struct MediaChunk: Sendable, Equatable {
  package var start: Int64
  package var duration: Int64
  /// Whether the first sample is a sync sample.
  package var isIndependent: Bool
  /// How many bytes there are up to the end of the first sample: what shows it alone.
  package var firstSampleEnd: Int
  package var bytes: Bytes
  /// The producer's clock for this chunk, when it carries one.
  package var producerTime: UTCTime?
  /// Of the event messages in front of it.
  package var eventStreams: Set<EventStream>
  /// Whether it stands in for media that is lost.
  package var isStandIn = false

  package init(
    start: Int64,
    duration: Int64,
    isIndependent: Bool,
    firstSampleEnd: Int? = nil,
    bytes: Bytes,
    producerTime: UTCTime? = nil,
    eventStreams: Set<EventStream> = []
  ) {
    self.start = start
    self.duration = duration
    self.isIndependent = isIndependent
    self.firstSampleEnd = firstSampleEnd ?? bytes.count
    self.bytes = bytes
    self.producerTime = producerTime
    self.eventStreams = eventStreams
  }

  package var end: Int64 { start + duration }

  /// Whether it goes on where other media ended: within a quarter of its own duration, as clocks
  /// of coarse scales and capture devices jitter.
  ///
  /// A lost chunk leaves more than that; `tolerance` is for where none can be lost.
  func continues(from end: Int64?, within tolerance: Int64 = 0) -> Bool {
    guard let end else { return false }
    return abs(start - end) <= max(duration / 4, tolerance)
  }

  /// The end of media time, in seconds: 2106 where it is UTC.
  ///
  /// With `TrackDescription.timescaleLimit` it keeps sums of times far from the end of 64 bits.
  package static let secondLimit: Int64 = 1 << 32
  /// The longest chunk, in seconds.
  package static let durationLimitSeconds: Int64 = 3600

  /// Whether a broadcast can have such times: what else a publisher sends is refused on arrival, so
  /// that no arithmetic after it needs a check.
  package func hasPlausibleTimes(timescale: UInt32) -> Bool {
    let scale = Int64(timescale)
    let (end, overflow) = start.addingReportingOverflow(duration)
    return start >= 0 && !overflow && end <= Self.secondLimit * scale && duration > 0
      && duration <= Self.durationLimitSeconds * scale
  }
}

/// One object of a media track, parsed.
///
/// `chunks` is never empty.
package struct MediaObject: Sendable, Equatable {
  package var position: ObjectPosition
  package var chunks: [MediaChunk]
  package var arrival: Instant
  /// What it was parsed under: where that changes, its track's header does; nil for what the track
  /// began with.
  package var description: TrackDescription?

  package init(
    position: ObjectPosition,
    chunks: [MediaChunk],
    arrival: Instant,
    description: TrackDescription? = nil
  ) {
    precondition(!chunks.isEmpty, "a media object holds at least one chunk")
    self.position = position
    self.chunks = chunks
    self.arrival = arrival
    self.description = description
  }

  package var start: Int64 { chunks[0].start }
  package var end: Int64 { chunks[chunks.count - 1].end }
  package var isIndependent: Bool { chunks[0].isIndependent }
  package var byteCount: Int { chunks.reduce(0) { $0 + $1.bytes.count } }
}
