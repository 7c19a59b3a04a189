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
/// A reference, as there may be thousands in a window. Times in ticks as served.
package final class Segment: Sendable {
  /// Media sequence number.
  package let number: Int64
  package let epoch: Epoch
  package let initSegment: InitSegment
  package let timescale: UInt32
  /// What its media is, where that is told apart from what the rendition is now.
  package var info: RenditionInfo? { description?.info }
  private let description: TrackDescription?
  package let start: Int64
  /// The end of the media so far.
  package let end: Int64
  /// Media does not continue from the segment before.
  package let isDiscontinuity: Bool
  package let discontinuitySequence: Int
  /// In order and contiguous.
  ///
  /// Empty for a segment that is wholly lost.
  package let parts: [Part]
  package let byteCount: Int
  /// Of the event messages in it.
  package let eventStreams: Set<EventStream>
  /// Nil while the segment grows.
  package let duration: Int64?
  /// Whether some or all of its media is lost.
  package let isGap: Bool
  /// UTC of its first sample.
  package let startTime: UTCTime
  /// UTC of the end of its media so far.
  package let endTime: UTCTime

  package init(
    number: Int64,
    epoch: Epoch,
    initSegment: InitSegment,
    timescale: UInt32,
    description: TrackDescription? = nil,
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
    self.description = description
    self.start = start
    self.isDiscontinuity = isDiscontinuity
    self.discontinuitySequence = discontinuitySequence
    self.parts = parts
    self.duration = duration
    self.isGap = isGap
    byteCount = parts.reduce(0) { $0 + $1.byteCount }
    eventStreams = parts.reduce(into: []) { streams, part in
      if !part.eventStreams.isEmpty { streams.formUnion(part.eventStreams) }
    }
    end = start + (duration ?? parts.reduce(0) { $0 + $1.duration })
    startTime = epoch.time(ofTick: start, timescale: timescale)
    endTime = epoch.time(ofTick: end, timescale: timescale)
  }

  /// A segment of what a track is, of which nothing is there yet.
  convenience init(
    number: Int64,
    epoch: Epoch,
    description: TrackDescription,
    start: Int64,
    isDiscontinuity: Bool,
    discontinuitySequence: Int
  ) {
    self.init(
      number: number,
      epoch: epoch,
      initSegment: description.initSegment,
      timescale: description.info.timescale,
      description: description,
      start: start,
      isDiscontinuity: isDiscontinuity,
      discontinuitySequence: discontinuitySequence
    )
  }

  /// The segment with the part that continues it.
  package func appending(_ part: Part) -> Segment {
    having(parts + CollectionOfOne(part), duration: duration, isGap: isGap)
  }

  /// The segment at its end.
  package func closed(duration: Int64, isGap: Bool) -> Segment {
    having(parts, duration: duration, isGap: isGap)
  }

  /// The segment as it was when it had so many parts, which is growing.
  package func growing(parts count: Int) -> Segment {
    having(Array(parts.prefix(count)), duration: nil, isGap: false)
  }

  /// The segment after more discontinuities, which may be its own.
  func following(_ count: Int, isDiscontinuity: Bool) -> Segment {
    having(parts, duration: duration, isGap: isGap, after: count, isDiscontinuity)
  }

  private func having(
    _ parts: [Part],
    duration: Int64?,
    isGap: Bool,
    after discontinuities: Int = 0,
    _ isDiscontinuity: Bool = false
  ) -> Segment {
    Segment(
      number: number,
      epoch: epoch,
      initSegment: initSegment,
      timescale: timescale,
      description: description,
      start: start,
      isDiscontinuity: self.isDiscontinuity || isDiscontinuity,
      discontinuitySequence: discontinuitySequence + discontinuities,
      parts: parts,
      duration: duration,
      isGap: isGap
    )
  }

  /// How many of its first bytes show its first picture; nil where that is lost or not independent.
  package var independentByteCount: Int? { parts.first?.independentByteCount }
  /// Whether some of its media stands in for what is lost.
  package var isConcealed: Bool { parts.contains(where: \.isConcealed) }
  package var isComplete: Bool { duration != nil }
  package var pieces: [Bytes] { parts.flatMap(\.pieces) }
}

extension Sequence<Segment> {
  /// Of the event messages in all of them.
  package var eventStreams: Set<EventStream> {
    reduce(into: []) { streams, segment in
      if !segment.eventStreams.isEmpty { streams.formUnion(segment.eventStreams) }
    }
  }
}

extension Segment: Equatable {
  package static func == (left: Segment, right: Segment) -> Bool {
    left === right
      || left.number == right.number && left.epoch == right.epoch
        && left.initSegment == right.initSegment && left.timescale == right.timescale
        && left.start == right.start && left.isDiscontinuity == right.isDiscontinuity
        && left.discontinuitySequence == right.discontinuitySequence
        && left.duration == right.duration && left.isGap == right.isGap
        && left.parts == right.parts
  }
}

extension Epoch {
  /// UTC of a decode time as served, rounded to the nearest microsecond.
  package func time(ofTick tick: Int64, timescale: UInt32) -> UTCTime {
    let scale = Int128(max(timescale, 1))
    let offset = floorQuotient(Int128(tick) * 1_000_000 + scale / 2, scale)
    return UTCTime(microseconds: zero.microseconds &+ Int64(clamping: offset))
  }
}
