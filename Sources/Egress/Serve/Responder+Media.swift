internal import CMAF
internal import HTTP
internal import Manifests
internal import Packaging
internal import Wire

/// Segments and parts, and the requests that wait for them.
extension Responder {
  func segment(
    _ rendition: RenditionSnapshot,
    _ epoch: String,
    _ start: Int64,
    _ request: RequestHead
  ) -> Answer {
    if let segment = rendition.segment(epoch, start) {
      // Another bridge may have it whole under the same name, so it must never be stored with a hole.
      guard !segment.hasHole else {
        return .now(.notFound("media of \(start) is lost", cacheControl: view.cache.gone))
      }
      if segment.isComplete {
        return .now(
          media(
            segment.pieces,
            tag: "s\(epoch)-\(start)",
            made: segment.endTime,
            isConcealed: segment.isConcealed,
            rendition,
            request
          )
        )
      }
      let (entityTag, lifetime) = identity("s\(epoch)-\(start)", segment.isConcealed)
      let blocks = [
        ResponseHead.line("Cache-Control", lifetime),
        ResponseHead.line("ETag", entityTag), Response.crossOrigin,
      ]
      // The name fixes the content, whole or not yet.
      switch Precondition(request, entityTag: entityTag) {
      case .met: break
      case .failed: return .now(.preconditionFailed(entityTag: entityTag))
      case .notModified: return .now(Response(.notModified, blocks, .none))
      }
      // A range is not looked at: of a length that is not known, 206 is poorly understood by caches.
      let response = Response(.ok, blocks + [contentType(rendition)], .growing)
      return .growing(
        response,
        segment.pieces,
        Growth(
          epoch: epoch,
          start: start,
          sentParts: segment.parts.count,
          isConcealed: segment.isConcealed
        )
      )
    }
    guard isNext(rendition, epoch, start) else { return missing(rendition, start) }
    return .park(rendition: rendition.info.name, .segment(epoch: epoch, start: start))
  }

  /// A segment by its number, the same as by its start; the next one is waited for.
  func segment(
    _ rendition: RenditionSnapshot,
    _ epoch: String,
    number: Int64,
    _ request: RequestHead
  ) -> Answer {
    if let named = rendition.segment(epoch, number: number) {
      return segment(rendition, epoch, named.start, request)
    }
    guard !view.snapshot.isOver(rendition), let last = rendition.segments.last,
      last.epoch.name == epoch,
      last.number < .max, number == last.number + 1
    else {
      let isPast = rendition.segments.first.map { number < $0.number } ?? false
      return missing("no segment has the number \(number)", isPast: isPast)
    }
    return .park(rendition: rendition.info.name, .numberedSegment(epoch: epoch, number: number))
  }

  func part(
    _ rendition: RenditionSnapshot,
    _ epoch: String,
    _ start: Int64,
    _ request: RequestHead
  ) -> Answer {
    for segment in rendition.segments.reversed() where segment.epoch.name == epoch {
      guard start >= segment.start, start < segment.end else { continue }
      guard let part = segment.parts.first(where: { $0.start == start }), !part.isGap else { break }
      return .now(media(part, of: segment, rendition, request))
    }
    guard isSoon(rendition, epoch, start) else { return missing(rendition, start) }
    return .park(rendition: rendition.info.name, .part(epoch: epoch, start: start))
  }

  func part(
    at index: Int,
    ofSegment start: Int64,
    _ epoch: String,
    _ rendition: RenditionSnapshot,
    _ request: RequestHead
  ) -> Answer {
    if let segment = rendition.segment(epoch, start) {
      if index < segment.parts.count {
        let part = segment.parts[index]
        guard !part.isGap else {
          return .now(.notFound("part \(index) of \(start) is lost", cacheControl: view.cache.gone))
        }
        return .now(media(part, of: segment, rendition, request))
      }
      guard !segment.isComplete else {
        return .now(
          .notFound(
            "\(start) has \(segment.parts.count) parts, no part \(index)",
            cacheControl: view.cache.gone
          )
        )
      }
      guard index <= segment.parts.count + view.lowLatency.advancePartLimit else {
        return missing(rendition, start)
      }
    } else {
      guard isNext(rendition, epoch, start),
        index <= view.lowLatency.advancePartLimit
      else { return missing(rendition, start) }
    }
    return .park(
      rendition: rendition.info.name,
      .partOfSegment(epoch: epoch, start: start, index: index)
    )
  }

  /// The segment that a rendition grows by, while it does.
  private func growing(_ rendition: RenditionSnapshot, _ epoch: String) -> Segment? {
    guard !view.snapshot.isOver(rendition), let last = rendition.segments.last,
      last.epoch.name == epoch
    else { return nil }
    return last
  }

  /// Whether a name is that of the segment which follows what is there, as a player computes it from the
  /// manifest.
  private func isNext(_ rendition: RenditionSnapshot, _ epoch: String, _ start: Int64) -> Bool {
    guard let last = growing(rendition, epoch) else { return false }
    if start == last.end { return true }
    guard start > last.end, !last.isComplete else { return false }
    // The one after the growing one, whose end may differ a little from what is planned.
    let length = view.snapshot.constants.segmentLength.rounded(toScale: rendition.info.timescale)
    return start < last.start + length + length / 2
  }

  /// Whether a name is a hint's, or may be before long.
  ///
  /// Anybody can ask for a part too early, and a 404 would still be in caches when it is hinted to all.
  private func isSoon(_ rendition: RenditionSnapshot, _ epoch: String, _ start: Int64) -> Bool {
    guard let last = growing(rendition, epoch), start >= last.end else { return false }
    let ahead = Int64(view.lowLatency.targetDuration) * Int64(rendition.info.timescale)
    return start - last.end <= 2 * ahead
  }

  private func missing(_ rendition: RenditionSnapshot, _ start: Int64) -> Answer {
    let isPast = rendition.segments.first.map { start < $0.start } ?? false
    return missing("no media starts at \(start)", isPast: isPast)
  }

  private func missing(_ text: String, isPast: Bool) -> Answer {
    .now(.notFound(text, cacheControl: isPast ? view.cache.gone : view.cache.comingMedia))
  }

  private func contentType(_ rendition: RenditionSnapshot) -> Bytes {
    switch rendition.info.kind {
    case .video: Self.videoType
    case .audio: Self.audioType
    case .text: Self.textType
    }
  }

  private func media(
    _ part: Part,
    of segment: Segment,
    _ rendition: RenditionSnapshot,
    _ request: RequestHead
  ) -> Response {
    media(
      part.pieces,
      tag: "p\(segment.epoch.name)-\(part.start)",
      made: segment.epoch.time(ofTick: part.start + part.duration, timescale: segment.timescale),
      isConcealed: part.isConcealed,
      rendition,
      request
    )
  }

  /// The ETag and Cache-Control of media: another bridge may have what is lost here, under the same name.
  private func identity(_ tag: String, _ isConcealed: Bool) -> (entityTag: String, lifetime: String)
  {
    isConcealed ? ("\"\(tag)-concealed\"", view.cache.gone) : ("\"\(tag)\"", view.cache.media)
  }

  /// Media whose content is fixed by its name; `made` is when the last of it was, nil where no time is
  /// its own.
  func media(
    _ pieces: [Bytes],
    tag: String,
    made: UTCTime? = nil,
    isConcealed: Bool = false,
    _ rendition: RenditionSnapshot,
    _ request: RequestHead
  ) -> Response {
    let (entityTag, lifetime) = identity(tag, isConcealed)
    let length = pieces.reduce(0) { $0 + $1.count }
    let range = ByteRange(request, of: length, entityTag: entityTag)
    // A refused range says nothing about the media's other bytes.
    let cacheControl = range == .unsatisfiable ? CachePolicy.soon : lifetime
    var blocks = [
      ResponseHead.line("Cache-Control", cacheControl),
      ResponseHead.line("ETag", entityTag), Self.ranges, Response.crossOrigin,
    ]
    let lastModified = made.flatMap(lastModified)
    if let lastModified { blocks.append(ResponseHead.line("Last-Modified", lastModified.text)) }
    switch Precondition(request, entityTag: entityTag, lastModified: lastModified) {
    case .met: break
    case .failed: return .preconditionFailed(entityTag: entityTag)
    case .notModified:
      blocks[0] = ResponseHead.line("Cache-Control", lifetime)
      return Response(.notModified, blocks, .none)
    }
    if range != .unsatisfiable { blocks.append(contentType(rendition)) }
    if let field = range.contentRange(of: length) {
      blocks.append(ResponseHead.line("Content-Range", field))
    }
    switch range {
    case .whole:
      return Response(.ok, blocks, .whole(pieces), isLasting: !isConcealed)
    case .part(let range): return Response(.partialContent, blocks, .whole(pieces.slice(range)))
    case .unsatisfiable: return Response(.rangeNotSatisfiable, blocks, .none)
    }
  }

  /// The publisher's time, the same from every bridge; nil where its clock is ahead of ours, as no answer
  /// may be of a later time than its Date (RFC 9110 §8.8.2.1).
  private func lastModified(_ made: UTCTime) -> HTTPDate? {
    made.microseconds <= view.arrival.microseconds ? HTTPDate(made) : nil
  }

  private static let videoType = ResponseHead.line("Content-Type", "video/mp4")
  private static let audioType = ResponseHead.line("Content-Type", "audio/mp4")
  private static let textType = ResponseHead.line("Content-Type", "application/mp4")
  private static let ranges = ResponseHead.line("Accept-Ranges", "bytes")
}

extension Segment {
  /// Whether some of its media is known to be lost.
  var hasHole: Bool { isGap || parts.contains(where: \.isGap) }
}

extension RenditionSnapshot {
  /// The segment of a name.
  func segment(_ epoch: String, _ start: Int64) -> Segment? {
    segments.last { $0.start == start && $0.epoch.name == epoch }
  }

  func segment(_ epoch: String, number: Int64) -> Segment? {
    segments.last { $0.number == number && $0.epoch.name == epoch }
  }

  /// Whether a part of a name is there.
  func hasPart(_ epoch: String, _ start: Int64) -> Bool {
    segments.contains { segment in
      segment.epoch.name == epoch && segment.start <= start && start < segment.end
        && segment.parts.contains { $0.start == start }
    }
  }
}
