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
  /// What its head said.
  let isConcealed: Bool
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
        view.multivariant().response(
          to: request,
          cacheControl: view.cache.multivariant,
          extra: [view.cache.multivariantInCaches]
        )
      )
    case .manifest(_, let unit):
      guard let manifest = view.manifest(of: unit, timeURL: timeURL) else {
        return .now(
          .notFound("segments differ in length: a number does not tell the time of one")
        )
      }
      return .now(manifest.response(to: request, cacheControl: view.cache.manifest))
    case .mediaPlaylist(_, let name, let content):
      guard let rendition = view.rendition(name) else { return unknownRendition(name) }
      return playlist(content, of: rendition, request)
    case .initSegment(_, let name, let initName):
      let isIts = { (segment: Segment) in segment.initSegment.name == initName }
      let rendition = view.rendition(name) { $0.segments.contains(where: isIts) }
      guard let rendition else { return unknownRendition(name) }
      guard let segment = rendition.segments.last(where: isIts) else {
        return .now(.notFound("no init segment \(initName) in \(name)"))
      }
      return .now(
        media([segment.initSegment.bytes], tag: initName, rendition, request)
      )
    case .segment(_, let name, let epoch, let start):
      let rendition = view.rendition(name) { $0.segment(epoch, start) != nil }
      guard let rendition else { return unknownRendition(name) }
      return segment(rendition, epoch, start, request)
    case .part(_, let name, let epoch, let start):
      let rendition = view.rendition(name) { $0.hasPart(epoch, start) }
      guard let rendition else { return unknownRendition(name) }
      return part(rendition, epoch, start, request)
    case .partOfSegment(_, let name, let epoch, let start, let index):
      let rendition = view.rendition(name) { $0.segment(epoch, start) != nil }
      guard let rendition else { return unknownRendition(name) }
      return part(at: index, ofSegment: start, epoch, rendition, request)
    case .numberedSegment(_, let name, let epoch, let number):
      let rendition = view.rendition(name) { $0.segment(epoch, number: number) != nil }
      guard let rendition else { return unknownRendition(name) }
      return segment(rendition, epoch, number: number, request)
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
    case .reload(let content, let position, let skips):
      if view.snapshot.isOver(rendition) {
        return current(content, of: rendition, request, skips: skips)
      }
      guard let satisfied = rendition.satisfied(position) else { return nil }
      let text = view.mediaPlaylist(content, of: rendition, asOf: satisfied, skips: skips)
      return .now(text.response(to: request, cacheControl: view.cache.blockingPlaylist))
    case .part(let epoch, let start):
      return unlessParked(part(rendition, epoch, start, request))
    case .partOfSegment(let epoch, let start, let index):
      return unlessParked(part(at: index, ofSegment: start, epoch, rendition, request))
    case .numberedSegment(let epoch, let number):
      return unlessParked(segment(rendition, epoch, number: number, request))
    case .segment(let epoch, let start):
      return unlessParked(segment(rendition, epoch, start, request))
    }
  }

  private func unlessParked(_ answer: Answer) -> Answer? {
    if case .park = answer { nil } else { answer }
  }

  /// What has come of a growing segment since it was last looked at; nil when the segment is no
  /// more, has lost media, or has media that its head did not tell of; `isWhole` when nothing follows.
  func growth(_ growth: Growth, in name: String) -> (pieces: [Bytes], sent: Int, isWhole: Bool)? {
    let rendition = view.rendition(name) { $0.segment(growth.epoch, growth.start) != nil }
    guard let segment = rendition?.segment(growth.epoch, growth.start), !segment.hasHole,
      growth.isConcealed || !segment.isConcealed
    else { return nil }
    let fresh = segment.parts.dropFirst(growth.sentParts)
    return (fresh.flatMap(\.pieces), segment.parts.count, segment.isComplete)
  }

  private func unknownRendition(_ name: String) -> Answer {
    .now(.notFound("no rendition is called \(name)"))
  }
}
