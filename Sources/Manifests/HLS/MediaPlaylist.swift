internal import CMAF
package import Packaging
package import Wire

/// Renders a rendition's media playlist as of a position: the same bytes on every bridge that has
/// the listed segments.
///
/// rfc8216bis §"Media Playlist".
package struct MediaPlaylist {
  /// Fewest whole segments that a playlist keeps, whatever the window: players start three back.
  private static let fewestSegments = 6

  /// What a playlist lists of each segment.
  package enum Content: Hashable, Sendable {
    case media
    /// The first picture alone, of whole segments.
    case iFrames
  }

  private let snapshot: PresentationSnapshot
  private let content: Content
  private let rendition: RenditionSnapshot
  private let position: PlaylistPosition
  private let lowLatency: LowLatency

  /// Takes a rendition of the snapshot and a position that it has reached.
  package init(
    _ rendition: RenditionSnapshot,
    _ content: Content = .media,
    of snapshot: PresentationSnapshot,
    asOf position: PlaylistPosition
  ) {
    self.snapshot = snapshot
    self.content = content
    self.rendition = rendition
    self.position = position
    lowLatency = LowLatency(snapshot.constants)
  }

  /// The playlist; with `skips`, the delta update of EXT-X-SKIP when enough can be skipped.
  ///
  /// `lines` are those of the same rendition and content, of playlists before.
  package func render(skips: Bool = false, lines: SegmentLines = SegmentLines()) -> Bytes {
    let segments = listedSegments()
    var text = TextWriter(reserving: 4096)
    let first = skips ? firstNotSkipped(segments) : segments.startIndex
    let skipped = first - segments.startIndex
    text.write("#EXTM3U\n#EXT-X-VERSION:")
    text.write(skipped > 0 ? 9 : 6)
    text.write("\n#EXT-X-TARGETDURATION:")
    text.write(lowLatency.targetDuration)
    text.write("\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=")
    text.write(milliseconds: lowLatency.partHoldBackMilliseconds)
    text.write(",HOLD-BACK=")
    text.write(lowLatency.holdBack)
    text.write(".0,CAN-SKIP-UNTIL=")
    text.write(lowLatency.canSkipUntil)
    text.write(".0")
    switch content {
    case .media:
      text.write("\n#EXT-X-PART-INF:PART-TARGET=")
      text.write(milliseconds: lowLatency.partTargetMilliseconds)
    case .iFrames: text.write("\n#EXT-X-I-FRAMES-ONLY")
    }
    if let first = segments.first {
      text.write("\n#EXT-X-MEDIA-SEQUENCE:")
      text.write(first.number)
      text.write("\n#EXT-X-DISCONTINUITY-SEQUENCE:")
      // Counts the first segment's own discontinuity, whose tag is left out below.
      text.write(first.discontinuitySequence)
    }
    text.write("\n")
    if rendition.info.kind != .text, content == .media {
      text.write("#EXT-X-INDEPENDENT-SEGMENTS\n")
    }
    if skipped > 0 {
      text.write("#EXT-X-SKIP:SKIPPED-SEGMENTS=")
      text.write(skipped)
      text.write("\n")
    }
    writeSegments(segments, from: first, lines, to: &text)
    writeTail(segments, to: &text)
    return text.result
  }

  private var ended: Bool {
    snapshot.isOver(rendition) && position == rendition.edge(of: content)
  }

  /// The segments that the playlist lists as of the position; the last may be growing.
  private func listedSegments() -> SegmentList {
    let newest = rendition.segments.lastIndex { $0.number <= position.number }
    guard let newest else { return [] }
    var segments = rendition.segments[...newest]
    if case .part(let number, let index) = position, let last = segments.last,
      last.number == number, last.isComplete || last.parts.count != index + 1
    {
      segments.replaceLast(with: last.growing(parts: index + 1))
    }
    if content == .iFrames, segments.last?.isComplete == false { segments = segments.dropLast() }
    guard let last = segments.last else { return segments }
    let horizon = last.endTime.microseconds - snapshot.constants.window.nanoseconds / 1000
    let first = segments.firstIndex { $0.endTime.microseconds > horizon } ?? segments.endIndex - 1
    let fewest = Self.fewestSegments + (last.isComplete ? 0 : 1)
    return segments[min(first, max(segments.startIndex, segments.endIndex - fewest))...]
  }

  /// The first segment that does not lie wholly before the skip boundary, counted from the playlist's end.
  ///
  /// Gaps are listed all at once, when media comes after them, and end the segment before them: a client
  /// that has just read the playlist may not know, so none of these is skipped before all are.
  private func firstNotSkipped(_ segments: SegmentList) -> Int {
    let first = firstSegment(of: segments, within: Int64(lowLatency.canSkipUntil) * 1_000_000)
    guard first < segments.endIndex, segments[first].isGap else { return first }
    return segments[..<first].lastIndex { !$0.isGap } ?? segments.startIndex
  }

  /// The first segment between whose end and the playlist's there is less media than that: by durations,
  /// as clocks may jump at a discontinuity.
  private func firstSegment(of segments: SegmentList, within microseconds: Int64) -> Int {
    var distance: Int64 = 0
    var first = segments.endIndex
    while first > segments.startIndex, distance < microseconds {
      first -= 1
      let segment = segments[first]
      distance += MediaTime(ticks: segment.end - segment.start, timescale: segment.timescale)
        .rounded(toScale: 1_000_000)
    }
    return first
  }

  private func writeSegments(
    _ segments: SegmentList,
    from first: Int,
    _ known: SegmentLines,
    to text: inout TextWriter
  ) {
    let firstInParts = firstSegment(
      of: segments,
      within: Int64(lowLatency.targetDuration) * 3_000_000
    )
    var lastInit = first > segments.startIndex ? segments[first - 1].initSegment : nil
    for index in first..<segments.endIndex {
      let segment = segments[index]
      if segment.isDiscontinuity, index > segments.startIndex {
        text.write("#EXT-X-DISCONTINUITY\n")
      }
      if segment.initSegment != lastInit || segment.isDiscontinuity {
        text.write("#EXT-X-MAP:URI=\"")
        text.write(segment.initSegment)
        text.write("\"\n")
        lastInit = segment.initSegment
      }
      let isInParts = content == .media && index >= firstInParts
      if segment.isComplete {
        text.write(known.lines(of: segment, inParts: isInParts, lines(of:inParts:)))
      } else {
        write(segment, inParts: isInParts, to: &text)
      }
    }
  }

  private func lines(of segment: Segment, inParts: Bool) -> Bytes {
    var text = TextWriter(reserving: 192 + (inParts ? 96 * segment.parts.count : 0))
    write(segment, inParts: inParts, to: &text)
    return text.result
  }

  private func write(_ segment: Segment, inParts: Bool, to text: inout TextWriter) {
    text.write("#EXT-X-PROGRAM-DATE-TIME:")
    text.write(segment.startTime)
    text.write("\n")
    if inParts {
      for part in segment.parts { write(part, of: segment, to: &text) }
    }
    guard let duration = segment.duration else { return }
    if segment.isGap { text.write("#EXT-X-GAP\n") }
    text.write("#EXTINF:")
    text.write(seconds: duration, timescale: segment.timescale)
    text.write(",\n")
    if content == .iFrames, let count = segment.independentByteCount {
      text.write("#EXT-X-BYTERANGE:")
      text.write(count)
      text.write("@0\n")
    }
    text.write(segment: segment.epoch, start: segment.start)
    text.write("\n")
  }

  private func write(_ part: Part, of segment: Segment, to text: inout TextWriter) {
    text.write("#EXT-X-PART:DURATION=")
    text.write(seconds: part.duration, timescale: segment.timescale)
    text.write(",URI=\"")
    text.write(part: segment.epoch, start: part.start)
    text.write("\"")
    if part.isIndependent { text.write(",INDEPENDENT=YES") }
    if part.isGap { text.write(",GAP=YES") }
    text.write("\n")
  }

  private func writeTail(_ segments: SegmentList, to text: inout TextWriter) {
    guard let last = segments.last else { return }
    if ended {
      text.write("#EXT-X-ENDLIST\n")
      return
    }
    guard content == .media else { return }
    text.write("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"")
    text.write(part: last.epoch, start: last.end)
    text.write("\"\n")
    // By the number, whenever this bridge heard that a rendition goes.
    for sibling in snapshot.renditions
    where sibling.info.name != rendition.info.name && !sibling.shownNumbers.isEmpty
      && last.number < sibling.shownNumbers.upperBound
    {
      guard let report = report(of: sibling, asOf: last) else { continue }
      text.write("#EXT-X-RENDITION-REPORT:URI=\"../")
      text.write(MediaPath.encoded(sibling.info.name))
      text.write("/media.m3u8\",LAST-MSN=")
      text.write(report.number)
      if case .part(_, let index) = report {
        text.write(",LAST-PART=")
        text.write(index)
      }
      text.write("\n")
    }
  }

  /// The sibling's newest part that ended a quarter of a part target before this playlist's end: it is
  /// surely published by then on every bridge, so the report does not depend on arrival order.
  private func report(of sibling: RenditionSnapshot, asOf last: Segment) -> PlaylistPosition? {
    let horizon =
      last.endTime.microseconds - Int64(lowLatency.partTargetMilliseconds) * 250
    for segment in sibling.segments.reversed() where segment.startTime.microseconds < horizon {
      var end = segment.start
      var newest: Int?
      for (index, part) in segment.parts.enumerated() {
        end = part.end
        guard segment.epoch.time(ofTick: end, timescale: segment.timescale).microseconds <= horizon
        else { break }
        newest = index
      }
      if let newest { return .part(segment.number, newest) }
    }
    guard let oldest = sibling.segments.first else { return nil }
    return oldest.parts.isEmpty ? .segment(oldest.number) : .part(oldest.number, 0)
  }
}

extension RenditionSnapshot {
  /// The newest position of a playlist; nil while there is nothing to list.
  package func edge(of content: MediaPlaylist.Content) -> PlaylistPosition? {
    switch content {
    case .media: edge
    case .iFrames:
      info.kind == .video ? segments.last(where: \.isComplete).map { .segment($0.number) } : nil
    }
  }
}
