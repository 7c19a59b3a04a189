internal import CMAF
internal import HTTP
internal import Manifests
internal import Packaging
internal import Wire

/// A growing segment that is being sent: by epoch and start, and how many parts have been.
struct Growth: Equatable {
  let epoch: String
  let start: Int64
  var sentParts: Int
}

/// What becomes of a request.
enum Answer {
  case now(Response)
  /// Send the head and the parts so far; the rest follows as it comes.
  case growing(Response, [Bytes], Growth)
  /// Wait for media of the rendition, or for the broadcast to begin.
  case park(rendition: String?, Want)
}

/// Decides over requests for a broadcast: answer now, wait, or refuse.
///
/// Pure.
struct Responder {
  let view: BroadcastView
  /// Absolute, for manifests.
  let timeURL: String

  func answer(_ route: Route, _ request: RequestHead) -> Answer {
    switch route {
    case .multivariant:
      return .now(
        view.multivariant().response(to: request, cacheControl: view.cache.multivariant)
      )
    case .manifest:
      return .now(
        view.manifest(timeURL: timeURL).response(to: request, cacheControl: view.cache.manifest)
      )
    case .mediaPlaylist(_, let name):
      guard let rendition = view.rendition(name) else { return unknownRendition(name) }
      return playlist(rendition, request)
    case .initSegment(_, let name, let initName):
      guard let rendition = view.rendition(name) else { return unknownRendition(name) }
      guard let segment = rendition.segments.last(where: { $0.initSegment.name == initName }) else {
        return .now(.notFound("no init segment \(initName) in \(name)"))
      }
      return .now(
        media([segment.initSegment.bytes], tag: initName, rendition, request)
      )
    case .segment(_, let name, let epoch, let start):
      guard let rendition = view.rendition(name) else { return unknownRendition(name) }
      return segment(rendition, epoch, start, request)
    case .part(_, let name, let epoch, let start):
      guard let rendition = view.rendition(name) else { return unknownRendition(name) }
      return part(rendition, epoch, start, request)
    case .health, .readiness, .metrics, .status, .time, .preview, .previewWithoutSlash,
      .previewAsset:
      return .now(.notFound("not part of a broadcast"))
    }
  }

  /// The answer to a parked request on a newer snapshot; nil when it has to wait on.
  func answer(parked want: Want, in name: String, _ request: RequestHead) -> Answer? {
    guard let rendition = view.rendition(name) else { return unknownRendition(name) }
    switch want {
    case .broadcast: return nil
    case .reload(let position, let skips):
      if view.snapshot.isEnded { return current(rendition, request, skips: skips) }
      guard let satisfied = rendition.satisfied(position) else { return nil }
      let text = view.mediaPlaylist(rendition, asOf: satisfied, skips: skips)
      return .now(text.response(to: request, cacheControl: view.cache.blockingPlaylist))
    case .part(let epoch, let start):
      if case .park = part(rendition, epoch, start, request) { return nil }
      return part(rendition, epoch, start, request)
    case .segment(let epoch, let start):
      if case .park = segment(rendition, epoch, start, request) { return nil }
      return segment(rendition, epoch, start, request)
    }
  }

  /// What has come of a growing segment since it was last looked at; nil when the segment is no
  /// more or has lost media, `isWhole` when nothing follows.
  func growth(_ growth: Growth, in name: String) -> (pieces: [Bytes], sent: Int, isWhole: Bool)? {
    guard let segment = view.rendition(name)?.segment(growth.epoch, growth.start),
      !segment.hasHole
    else { return nil }
    let fresh = segment.parts.dropFirst(growth.sentParts)
    return (fresh.flatMap(\.pieces), segment.parts.count, segment.isComplete)
  }

  private func unknownRendition(_ name: String) -> Answer {
    .now(.notFound("no rendition is called \(name)"))
  }

  // MARK: Playlists

  private func playlist(_ rendition: RenditionSnapshot, _ request: RequestHead) -> Answer {
    let target = request.target
    let skip = target.first("_HLS_skip")
    let skips = skip == "YES" || skip == "v2"
    guard rendition.edge != nil else {
      return .now(.notFound("\(rendition.info.name) has no media yet"))
    }
    // Nothing will be added: directives mean nothing any more.
    if view.snapshot.isEnded { return current(rendition, request, skips: false) }
    for name in ["_HLS_msn", "_HLS_part", "_HLS_skip"] where target.isRepeated(name) {
      return refuse("\(name) appears more than once")
    }
    let numberText = target.first("_HLS_msn")
    let partText = target.first("_HLS_part")
    guard numberText != nil || partText != nil else {
      return current(rendition, request, skips: skips)
    }
    guard let numberText else { return refuse("_HLS_part needs _HLS_msn") }
    guard let number = directive(numberText) else {
      return refuse("_HLS_msn is not a number: \(numberText.prefix(40))")
    }
    var part: Int?
    if let partText {
      guard let index = directive(partText), index <= Int64(Int32.max) else {
        return refuse("_HLS_part is not a number: \(partText.prefix(40))")
      }
      part = Int(index)
    }
    switch rendition.availability(
      ofSegment: number,
      part: part,
      advancePartLimit: view.lowLatency.advancePartLimit
    )
    {
    case .ready:
      return current(rendition, request, skips: skips, isBlocking: true)
    case .pending(let position):
      return .park(rendition: rendition.info.name, .reload(position, skips: skips))
    case .tooFarAhead:
      let edge = rendition.segments.last?.number ?? 0
      return refuse("_HLS_msn and _HLS_part are too far past segment \(edge)")
    }
  }

  /// Decimal digits of a directive: no sign, no fraction, and small enough to count on.
  private func directive(_ text: String) -> Int64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return Int64(text)
  }

  private func refuse(_ text: String) -> Answer {
    .now(.text(.badRequest, text, cacheControl: CachePolicy.soon))
  }

  private func current(
    _ rendition: RenditionSnapshot,
    _ request: RequestHead,
    skips: Bool,
    isBlocking: Bool = false
  ) -> Answer {
    guard let edge = rendition.edge else {
      return .now(.notFound("\(rendition.info.name) has no media yet"))
    }
    let text = view.mediaPlaylist(
      rendition,
      asOf: edge,
      skips: skips && !view.snapshot.isEnded
    )
    let cacheControl =
      view.snapshot.isEnded
      ? view.cache.endedPlaylist
      : isBlocking ? view.cache.blockingPlaylist : view.cache.plainPlaylist
    return .now(text.response(to: request, cacheControl: cacheControl))
  }

  // MARK: Media

  private func segment(
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
            isConcealed: segment.isConcealed,
            rendition,
            request
          )
        )
      }
      let entityTag = "\"s\(epoch)-\(start)\""
      let blocks = [
        ResponseHead.line("Cache-Control", view.cache.media),
        ResponseHead.line("ETag", entityTag), Response.crossOrigin,
      ]
      // The name fixes the content, whole or not yet.
      if EntityTags.matches(request.value("if-none-match"), entityTag) {
        return .now(Response(.notModified, blocks, .none))
      }
      // A range is not looked at: of a length that is not known, 206 is poorly understood by caches.
      let response = Response(.ok, blocks + [contentType(rendition)], .growing)
      return .growing(
        response,
        segment.pieces,
        Growth(epoch: epoch, start: start, sentParts: segment.parts.count)
      )
    }
    guard isNext(rendition, epoch, start, opensSegment: true) else {
      return missing(rendition, start)
    }
    return .park(rendition: rendition.info.name, .segment(epoch: epoch, start: start))
  }

  private func part(
    _ rendition: RenditionSnapshot,
    _ epoch: String,
    _ start: Int64,
    _ request: RequestHead
  ) -> Answer {
    for segment in rendition.segments.reversed() where segment.epoch.name == epoch {
      guard start >= segment.start, start < segment.end else { continue }
      guard let part = segment.parts.first(where: { $0.start == start }), !part.isGap else { break }
      return .now(
        media(
          part.pieces,
          tag: "p\(epoch)-\(start)",
          isConcealed: part.isConcealed,
          rendition,
          request
        )
      )
    }
    guard isNext(rendition, epoch, start, opensSegment: false) else {
      return missing(rendition, start)
    }
    return .park(rendition: rendition.info.name, .part(epoch: epoch, start: start))
  }

  /// Whether a name is that of the media that follows what is there: a hint's, or that of the segment
  /// which a player computes from the manifest.
  private func isNext(
    _ rendition: RenditionSnapshot,
    _ epoch: String,
    _ start: Int64,
    opensSegment: Bool
  ) -> Bool {
    guard !view.snapshot.isEnded, let last = rendition.segments.last, last.epoch.name == epoch
    else { return false }
    if start == last.end { return true }
    guard opensSegment, start > last.end, !last.isComplete else { return false }
    // The one after the growing one, whose end may differ a little from what is planned.
    let length = view.snapshot.constants.segmentLength.rounded(toScale: rendition.info.timescale)
    return start < last.start + length + length / 2
  }

  private func missing(_ rendition: RenditionSnapshot, _ start: Int64) -> Answer {
    let isPast = rendition.segments.first.map { start < $0.start } ?? false
    return .now(
      .notFound(
        "no media starts at \(start)",
        cacheControl: isPast ? view.cache.gone : CachePolicy.soon
      )
    )
  }

  private func contentType(_ rendition: RenditionSnapshot) -> Bytes {
    switch rendition.info.kind {
    case .video: Self.videoType
    case .audio: Self.audioType
    case .text: Self.textType
    }
  }

  private func media(
    _ pieces: [Bytes],
    tag: String,
    isConcealed: Bool = false,
    _ rendition: RenditionSnapshot,
    _ request: RequestHead
  ) -> Response {
    // Another bridge may have what is lost here, under the same name.
    let lifetime = isConcealed ? view.cache.gone : view.cache.media
    let entityTag = isConcealed ? "\"\(tag)-concealed\"" : "\"\(tag)\""
    let length = pieces.reduce(0) { $0 + $1.count }
    let range = ByteRange(request, of: length, entityTag: entityTag)
    // A refused range says nothing about the media's other bytes.
    let cacheControl = range == .unsatisfiable ? CachePolicy.soon : lifetime
    var blocks = [
      ResponseHead.line("Cache-Control", cacheControl),
      ResponseHead.line("ETag", entityTag), Self.ranges, Response.crossOrigin,
    ]
    if EntityTags.matches(request.value("if-none-match"), entityTag) {
      blocks[0] = ResponseHead.line("Cache-Control", lifetime)
      return Response(.notModified, blocks, .none)
    }
    if range != .unsatisfiable { blocks.append(contentType(rendition)) }
    if let field = range.contentRange(of: length) {
      blocks.append(ResponseHead.line("Content-Range", field))
    }
    switch range {
    case .whole: return Response(.ok, blocks, .whole(pieces))
    case .part(let range): return Response(.partialContent, blocks, .whole(pieces.slice(range)))
    case .unsatisfiable: return Response(.rangeNotSatisfiable, blocks, .none)
    }
  }

  private static let videoType = ResponseHead.line("Content-Type", "video/mp4")
  private static let audioType = ResponseHead.line("Content-Type", "audio/mp4")
  private static let textType = ResponseHead.line("Content-Type", "application/mp4")
  private static let ranges = ResponseHead.line("Accept-Ranges", "bytes")
}

extension Segment {
  /// Whether some of its media is known to be lost.
  fileprivate var hasHole: Bool { isGap || parts.contains(where: \.isGap) }
}

extension RenditionSnapshot {
  /// The segment of a name.
  func segment(_ epoch: String, _ start: Int64) -> Segment? {
    segments.last { $0.start == start && $0.epoch.name == epoch }
  }
}
