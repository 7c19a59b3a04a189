internal import HTTP
internal import Manifests
internal import Packaging

/// Playlists, and the reloads that wait for their next part.
extension Responder {
  func playlist(
    _ content: MediaPlaylist.Content,
    of rendition: RenditionSnapshot,
    _ request: RequestHead
  ) -> Answer {
    let target = request.target
    let skip = target.first("_HLS_skip")
    let skips = skip == "YES" || skip == "v2"
    guard rendition.edge(of: content) != nil else {
      return .now(.notFound("\(rendition.info.name) has no media yet"))
    }
    // Nothing will be added: directives mean nothing any more.
    if view.snapshot.isOver(rendition) {
      return current(content, of: rendition, request, skips: false)
    }
    for name in ["_HLS_msn", "_HLS_part", "_HLS_skip"] where target.isRepeated(name) {
      return refuse("\(name) appears more than once")
    }
    let numberText = target.first("_HLS_msn")
    let partText = target.first("_HLS_part")
    guard numberText != nil || partText != nil else {
      return current(content, of: rendition, request, skips: skips)
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
      // Pictures are listed when their segment is whole.
      part = content == .media ? Int(index) : nil
    }
    switch rendition.availability(
      ofSegment: number,
      part: part,
      advancePartLimit: view.lowLatency.advancePartLimit
    )
    {
    case .ready:
      return current(content, of: rendition, request, skips: skips, isBlocking: true)
    case .pending(let position):
      return .park(rendition: rendition.info.name, .reload(content, position, skips: skips))
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

  func current(
    _ content: MediaPlaylist.Content,
    of rendition: RenditionSnapshot,
    _ request: RequestHead,
    skips: Bool,
    isBlocking: Bool = false
  ) -> Answer {
    guard let edge = rendition.edge(of: content) else {
      return .now(.notFound("\(rendition.info.name) has no media yet"))
    }
    let text = view.mediaPlaylist(
      content,
      of: rendition,
      asOf: edge,
      skips: skips && !view.snapshot.isOver(rendition)
    )
    let cacheControl =
      isBlocking && !view.snapshot.isOver(rendition)
      ? view.cache.blockingPlaylist : view.cache.plainPlaylist
    return .now(text.response(to: request, cacheControl: cacheControl))
  }
}
