internal import HTTP
internal import Manifests
internal import Packaging
internal import Wire

/// A broadcast as one serve loop sees it: the newest snapshot and what was rendered from it.
///
/// Not Sendable: it belongs to that loop.
final class BroadcastView {
  let snapshot: PresentationSnapshot
  /// When the snapshot came.
  let arrival: UTCTime
  let lowLatency: LowLatency
  let cache: CachePolicy
  /// The MPD's.
  private let publishTime: UTCTime
  private let playlists: RenderCache
  private let manifestState: ManifestState
  let answers = KnownAnswers()

  /// Follows the view before it, whose manifest stays while it would say the same.
  ///
  /// No manifest is of a later time than `arrival`, when the snapshot came.
  init(_ snapshot: PresentationSnapshot, arrival: UTCTime, after previous: BroadcastView?) {
    self.snapshot = snapshot
    self.arrival = arrival
    manifestState = ManifestState(snapshot)
    if let previous, previous.manifestState == manifestState {
      self.publishTime = previous.publishTime
      playlists = RenderCache(keepingManifestsOf: previous.playlists)
    } else {
      let time = min(
        (snapshot.publishTime ?? arrival).microseconds,
        arrival.microseconds
      )
      // Whatever clocks do, what changes is newer.
      let least = previous.map { $0.publishTime.microseconds + 1000 } ?? time
      publishTime = UTCTime(microseconds: max(time, least))
      playlists = RenderCache()
    }
    if let previous, previous.snapshot.constants == snapshot.constants {
      lowLatency = previous.lowLatency
      cache = previous.cache
    } else {
      lowLatency = LowLatency(snapshot.constants)
      cache = CachePolicy(snapshot.constants)
    }
  }

  func rendition(_ name: String) -> RenditionSnapshot? {
    snapshot.renditions.first { $0.info.name == name }
  }

  func mediaPlaylist(
    _ content: MediaPlaylist.Content,
    of rendition: RenditionSnapshot,
    asOf position: PlaylistPosition,
    skips: Bool
  ) -> Rendered {
    playlists.rendered(.playlist(content, rendition.info.name, position, skips)) {
      Rendered(
        MediaPlaylist(rendition, content, of: snapshot, asOf: position).render(skips: skips),
        type: Rendered.playlist
      )
    }
  }

  func multivariant() -> Rendered {
    playlists.rendered(.multivariant) {
      Rendered(MultivariantPlaylist.render(snapshot), type: Rendered.playlist)
    }
  }

  /// Nil when there are no segments that can be named in that way.
  func manifest(of unit: MediaPresentation.Unit, timeURL: String) -> Rendered? {
    let key = RenderCache.Key.manifest(unit, timeURL)
    if let known = playlists[key] { return known }
    let presentation = MediaPresentation(
      snapshot,
      of: unit,
      timeURL: timeURL,
      publishTime: publishTime
    )
    guard presentation.isOffered else { return nil }
    return playlists.rendered(key) {
      Rendered(presentation.render(), type: Rendered.manifest)
    }
  }
}

/// All of a snapshot that a manifest depends on: parts come without changing it.
private struct ManifestState: Equatable {
  private struct Rendition: Equatable {
    let name: String
    let first: Int64?
    let last: Int64?
    let isLastComplete: Bool
    let hasParts: Bool
    let rates: SegmentRates
    let eventStreams: Set<EventStream>
  }

  private let renditions: [Rendition]
  private let periods: [PresentationSnapshot.PeriodStart]
  private let isEnded: Bool

  init(_ snapshot: PresentationSnapshot) {
    renditions = snapshot.renditions.map { rendition in
      Rendition(
        name: rendition.info.name,
        first: rendition.segments.first?.number,
        last: rendition.segments.last?.number,
        isLastComplete: rendition.segments.last?.isComplete ?? false,
        hasParts: rendition.segments.last?.parts.isEmpty == false,
        rates: rendition.rates,
        eventStreams: rendition.eventStreams
      )
    }
    periods = snapshot.periods
    isEnded = snapshot.isEnded
  }
}

/// Texts rendered from one snapshot; a reference, so that views of the same snapshot share it.
private final class RenderCache {
  enum Key: Hashable {
    case playlist(MediaPlaylist.Content, String, PlaylistPosition, Bool)
    case multivariant
    case manifest(MediaPresentation.Unit, String)
  }

  /// Hosts in manifests come from requests: no more variants than this are kept.
  private static let limit = 256
  private var texts: [Key: Rendered] = [:]

  init() {}

  init(keepingManifestsOf other: RenderCache) {
    texts = other.texts.filter { entry in
      if case .manifest = entry.key { true } else { false }
    }
  }

  subscript(key: Key) -> Rendered? { texts[key] }

  func rendered(_ key: Key, _ render: () -> Rendered) -> Rendered {
    if let text = texts[key] { return text }
    let text = render()
    if texts.count >= Self.limit { texts = [:] }
    texts[key] = text
    return text
  }
}
