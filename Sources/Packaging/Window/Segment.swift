package import Wire

/// A run of media with one clock: what ties decode times to UTC, and the part of media URLs that keeps
/// a restarted publisher from reusing the names of other media.
package struct Epoch: Hashable, Sendable {
  /// The URL component; the same on every bridge that sees the broadcast.
  package let name: String
  /// UTC of decode time 0 as served.
  package let zero: UTCTime

  package init(name: String, zero: UTCTime) {
    self.name = name
    self.zero = zero
  }
}

/// The CMAF header of a rendition, named by its content.
package struct InitSegment: Hashable, Sendable {
  package let bytes: Bytes
  /// The first 16 hexadecimal digits of the SHA-256 of `bytes`.
  package let name: String

  package init(bytes: Bytes, name: String) {
    self.bytes = bytes
    self.name = name
  }
}

/// A run of whole chunks: the unit that low-latency players fetch.
///
/// Times in ticks as served.
package struct Part: Equatable, Sendable {
  package let start: Int64
  package let duration: Int64
  /// How many of its bytes show its first sample, where that is a sync sample; else nil.
  package let independentByteCount: Int?
  /// Whether its media is lost; then it has no bytes.
  package let isGap: Bool
  /// Whether some of its media stands in for what is lost: another bridge may have that.
  package let isConcealed: Bool
  /// Of the event messages in it.
  package let eventStreams: Set<EventStream>
  package let pieces: [Bytes]
  package let byteCount: Int

  package init(
    start: Int64,
    duration: Int64,
    independentByteCount: Int?,
    isGap: Bool,
    isConcealed: Bool = false,
    eventStreams: Set<EventStream> = [],
    pieces: [Bytes]
  ) {
    self.start = start
    self.duration = duration
    self.independentByteCount = independentByteCount
    self.isGap = isGap
    self.isConcealed = isConcealed
    self.eventStreams = eventStreams
    self.pieces = pieces
    byteCount = pieces.reduce(0) { $0 + $1.count }
  }

  package var end: Int64 { start + duration }
  /// Whether it begins with a sync sample.
  package var isIndependent: Bool { independentByteCount != nil }
}

/// A segment, complete or growing; immutable, so that loops share it.
///
/// Times in ticks as served.
package struct Segment: Equatable, Sendable {
  /// Media sequence number.
  package let number: Int64
  package let epoch: Epoch
  package let initSegment: InitSegment
  package let timescale: UInt32
  package let start: Int64
  /// Media does not continue from the segment before.
  package let isDiscontinuity: Bool
  package let discontinuitySequence: Int
  /// In order and contiguous.
  ///
  /// Empty for a segment that is wholly lost.
  package private(set) var parts: [Part]
  package private(set) var byteCount = 0
  /// Of the event messages in it.
  package private(set) var eventStreams: Set<EventStream> = []
  /// Of all parts together, in ticks.
  private var partsDuration: Int64 = 0
  /// Nil while the segment grows.
  package var duration: Int64?
  /// Whether some or all of its media is lost.
  package var isGap: Bool

  package init(
    number: Int64,
    epoch: Epoch,
    initSegment: InitSegment,
    timescale: UInt32,
    start: Int64,
    isDiscontinuity: Bool,
    discontinuitySequence: Int,
    parts: [Part] = [],
    duration: Int64? = nil,
    isGap: Bool = false
  ) {
    self.number = number
    self.epoch = epoch
    self.initSegment = initSegment
    self.timescale = timescale
    self.start = start
    self.isDiscontinuity = isDiscontinuity
    self.discontinuitySequence = discontinuitySequence
    self.parts = []
    self.duration = duration
    self.isGap = isGap
    for part in parts { append(part) }
  }

  /// Adds the part that continues it.
  ///
  /// What all parts are together is counted here: it is asked for with every part that comes.
  package mutating func append(_ part: Part) {
    parts.append(part)
    byteCount += part.byteCount
    partsDuration += part.duration
    if !part.eventStreams.isEmpty { eventStreams.formUnion(part.eventStreams) }
  }

  /// The segment as it was when it had so many parts, which is growing.
  package func growing(parts count: Int) -> Segment {
    Segment(
      number: number,
      epoch: epoch,
      initSegment: initSegment,
      timescale: timescale,
      start: start,
      isDiscontinuity: isDiscontinuity,
      discontinuitySequence: discontinuitySequence,
      parts: Array(parts.prefix(count))
    )
  }

  /// How many of its first bytes show its first picture; nil where that is lost or not independent.
  package var independentByteCount: Int? { parts.first?.independentByteCount }
  /// Whether some of its media stands in for what is lost.
  package var isConcealed: Bool { parts.contains(where: \.isConcealed) }
  package var isComplete: Bool { duration != nil }
  /// The end of the media so far.
  package var end: Int64 { start + (duration ?? partsDuration) }
  package var pieces: [Bytes] { parts.flatMap(\.pieces) }

  /// UTC of its first sample.
  package var startTime: UTCTime { epoch.time(ofTick: start, timescale: timescale) }
  /// UTC of the end of its media so far.
  package var endTime: UTCTime { epoch.time(ofTick: end, timescale: timescale) }
}

extension Epoch {
  /// UTC of a decode time as served, rounded to the nearest microsecond.
  package func time(ofTick tick: Int64, timescale: UInt32) -> UTCTime {
    let scale = Int128(max(timescale, 1))
    let offset = floorQuotient(Int128(tick) * 1_000_000 + scale / 2, scale)
    return UTCTime(microseconds: zero.microseconds &+ Int64(clamping: offset))
  }
}
