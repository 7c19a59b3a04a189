internal import HTTP
internal import Manifests
internal import Packaging
internal import Wire

/// A broadcast as one serve loop sees it: the newest snapshot and what was rendered from it.
struct BroadcastView {
  private(set) var snapshot: PresentationSnapshot
  let lowLatency: LowLatency
  let cache: CachePolicy
  /// When the snapshot came, for the MPD's publishTime.
  private let publishTime: UTCTime
  private let playlists = RenderCache()

  init(_ snapshot: PresentationSnapshot, publishTime: UTCTime) {
    self.snapshot = snapshot
    self.publishTime = publishTime
    lowLatency = LowLatency(snapshot.constants)
    cache = CachePolicy(snapshot.constants)
  }

  func rendition(_ name: String) -> RenditionSnapshot? {
    snapshot.renditions.first { $0.info.name == name }
  }

  func mediaPlaylist(
    _ rendition: RenditionSnapshot,
    asOf position: PlaylistPosition,
    skips: Bool
  ) -> Rendered {
    playlists.rendered(.playlist(rendition.info.name, position, skips)) {
      Rendered(
        MediaPlaylist(rendition, of: snapshot, asOf: position).render(skips: skips),
        contentType: "application/vnd.apple.mpegurl"
      )
    }
  }

  func multivariant() -> Rendered {
    playlists.rendered(.multivariant) {
      Rendered(
        MultivariantPlaylist.render(snapshot),
        contentType: "application/vnd.apple.mpegurl"
      )
    }
  }

  func manifest(timeURL: String) -> Rendered {
    playlists.rendered(.manifest(timeURL)) {
      Rendered(
        MediaPresentation(snapshot, timeURL: timeURL, publishTime: publishTime).render(),
        contentType: "application/dash+xml"
      )
    }
  }
}

/// Texts rendered from one snapshot; a reference, so that views of the same snapshot share it.
private final class RenderCache {
  enum Key: Hashable {
    case playlist(String, PlaylistPosition, Bool)
    case multivariant
    case manifest(String)
  }

  /// Hosts in manifests come from requests: no more variants than this are kept.
  private static let limit = 256
  private var texts: [Key: Rendered] = [:]

  func rendered(_ key: Key, _ render: () -> Rendered) -> Rendered {
    if let text = texts[key] { return text }
    let text = render()
    if texts.count >= Self.limit { texts = [:] }
    texts[key] = text
    return text
  }
}
