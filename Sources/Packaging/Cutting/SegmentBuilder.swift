internal import CMAF
internal import Wire

/// Cuts the chunks of one segment into parts.
///
/// A part closes when another chunk like its first would make it longer than the target: a rule that
/// looks at nothing but the part's own chunks, so that no part waits for the next chunk to be closed
/// and every bridge cuts alike.
struct SegmentBuilder {
  let segment: Segment
  private let partTarget: MediaTime

  private(set) var partCount = 0
  /// Media of the segment so far, holes included.
  private(set) var end: Int64
  private(set) var hasHole = false
  /// The last chunk's duration.
  private(set) var step: Int64 = 0

  private var pieces: [Bytes] = []
  private var partStart: Int64
  private var firstDuration: Int64 = 0
  private var independentByteCount: Int?
  private var isConcealed = false
  private var eventStreams: Set<EventStream> = []

  /// Starts a segment; its `parts` stay empty, parts are handed out as they close.
  init(_ segment: Segment, partTarget: MediaTime) {
    self.segment = segment
    self.partTarget = partTarget
    end = segment.start
    partStart = segment.start
  }

  var hasOpenPart: Bool { !pieces.isEmpty }
  /// Whether it has one chunk and no more, and no part was handed out.
  var isSingle: Bool { partCount == 0 && pieces.count == 1 }

  /// Appends a chunk and returns the parts that it closed: one before a hole or before the chunk, those
  /// of the hole, and one that the chunk completes.
  ///
  /// What starts no further from the end than `tolerance` leaves no hole.
  mutating func append(_ chunk: MediaChunk, tolerance: Int64) -> [Part] {
    var closed: [Part] = []
    if chunk.start > end, !chunk.continues(from: end, within: tolerance) {
      if let part = closePart() { closed.append(part) }
      closed += gap(through: chunk.start)
    } else if hasOpenPart, exceedsTarget(chunk.end - partStart) {
      if let part = closePart() { closed.append(part) }
    }
    if !hasOpenPart {
      partStart = end
      firstDuration = chunk.duration
      independentByteCount = chunk.isIndependent ? chunk.firstSampleEnd : nil
    }
    pieces.append(chunk.bytes)
    if chunk.isStandIn { isConcealed = true }
    eventStreams.formUnion(chunk.eventStreams)
    // A chunk that overlaps the last one never moves the end back.
    end = max(end, chunk.end)
    step = chunk.duration
    if exceedsTarget(end - partStart + firstDuration), let part = closePart() {
      closed.append(part)
    }
    return closed
  }

  /// Closes the last part; `boundary` is where the segment should end when its media falls short.
  mutating func finish(at boundary: Int64?) -> [Part] {
    var closed: [Part] = []
    if let part = closePart() { closed.append(part) }
    if let boundary, boundary > end { closed += gap(through: boundary) }
    return closed
  }

  private func exceedsTarget(_ ticks: Int64) -> Bool {
    MediaTime(ticks: ticks, timescale: segment.timescale) > partTarget
  }

  private mutating func closePart() -> Part? {
    guard hasOpenPart else { return nil }
    defer {
      pieces = []
      isConcealed = false
      eventStreams = []
      partCount += 1
    }
    return Part(
      start: partStart,
      duration: end - partStart,
      independentByteCount: independentByteCount,
      isGap: false,
      isConcealed: isConcealed,
      eventStreams: eventStreams,
      pieces: pieces
    )
  }

  /// Parts without media up to a position, none longer than the target, as players reckon with parts
  /// (rfc8216bis §"EXT-X-PART").
  private mutating func gap(through boundary: Int64) -> [Part] {
    let rounded = partTarget.rounded(toScale: segment.timescale)
    let target = exceedsTarget(rounded) ? rounded - 1 : rounded
    let length = max(target, (boundary - end) / Self.gapLimit, 1)
    var parts: [Part] = []
    while end < boundary {
      let duration = min(length, boundary - end)
      parts.append(
        Part(start: end, duration: duration, independentByteCount: nil, isGap: true, pieces: [])
      )
      end += duration
    }
    partCount += parts.count
    hasHole = true
    return parts
  }

  /// About how many parts a hole has at most, whatever times a publisher sends.
  private static let gapLimit: Int64 = 1024
}
