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
  private let playlists = RenderCache<PlaylistKey>()
  private let lines: ListedLines
  private lazy var manifests = settledManifests()
  /// The view before this one, until ``settle()``.
  private var previous: BroadcastView?
  /// What the broadcast was that has ended under this name, while playlists that list it may be around.
  fileprivate let former: Former?
  let answers = KnownAnswers()

  /// Follows the view before it, which is kept until ``settle()``.
  ///
  /// No manifest is of a later time than `arrival`, when the snapshot came.
  init(_ snapshot: PresentationSnapshot, arrival: UTCTime, after previous: BroadcastView?) {
    self.snapshot = snapshot
    self.arrival = arrival
    self.previous = previous
    former = Former(before: snapshot, at: arrival, previous)
    lines = previous?.lines ?? ListedLines()
    // Whoever forgets to settle views keeps one more than is needed, and not all there ever were.
    previous?.settle()
    if let previous, previous.snapshot.constants == snapshot.constants {
      lowLatency = previous.lowLatency
      cache = previous.cache
    } else {
      lowLatency = LowLatency(snapshot.constants)
      cache = CachePolicy(snapshot.constants)
    }
  }

  /// Takes over from the view before it what stays, and lets go of it: work that those who wait for media
  /// need not wait for.
  func settle() {
    lines.forget(besides: snapshot.renditions)
    _ = manifests
  }

  /// The manifests of the view before it, while they would say the same.
  private func settledManifests() -> ManifestEdition {
    defer { previous = nil }
    let state = ManifestState(snapshot)
    let before = previous?.manifests
    if let before, before.state == state { return before }
    let time = min(
      (snapshot.publishTime ?? arrival).microseconds,
      arrival.microseconds
    )
    // Whatever clocks do, what changes is newer.
    let least = before.map { $0.publishTime.microseconds + 1000 } ?? time
    return ManifestEdition(state, publishTime: UTCTime(microseconds: max(time, least)))
  }

  /// The rendition of a name: of two, the one that the publisher has, once there is something of it.
  func rendition(_ name: String) -> RenditionSnapshot? {
    var found: RenditionSnapshot?
    for rendition in snapshot.renditions where rendition.info.name == name {
      if !rendition.isRetired, rendition.edge != nil { return rendition }
      if found == nil { found = rendition }
    }
    return found
  }

  /// The rendition of a name that holds what is asked for: one that has come back may have held it before,
  /// and so may one of a broadcast that has ended.
  func rendition(
    _ name: String,
    holding isHeld: (RenditionSnapshot) -> Bool
  ) -> RenditionSnapshot? {
    func isWanted(_ rendition: RenditionSnapshot) -> Bool {
      rendition.info.name == name && isHeld(rendition)
    }
    if let retired = snapshot.renditions.first(where: { $0.isRetired && isWanted($0) }) {
      return retired
    }
    let present = rendition(name)
    if let former, !(present.map(isHeld) ?? false),
      let ended = former.snapshot.renditions.first(where: isWanted)
    {
      return ended
    }
    return present
  }

  func mediaPlaylist(
    _ content: MediaPlaylist.Content,
    of rendition: RenditionSnapshot,
    asOf position: PlaylistPosition,
    skips: Bool
  ) -> Rendered {
    playlists.rendered(.media(content, rendition.info.name, position, skips)) {
      Rendered(
        MediaPlaylist(rendition, content, of: snapshot, asOf: position)
          .render(skips: skips, lines: lines[content, of: rendition.info.name]),
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
    let key = ManifestKey(unit: unit, timeURL: timeURL)
    if let known = manifests.texts[key] { return known }
    let presentation = MediaPresentation(
      snapshot,
      of: unit,
      timeURL: timeURL,
      publishTime: manifests.publishTime
    )
    guard presentation.isOffered else { return nil }
    return manifests.texts.rendered(key) {
      Rendered(presentation.render(), type: Rendered.manifest)
    }
  }
}

/// A broadcast that has ended under the name of another.
private struct Former {
  let snapshot: PresentationSnapshot
  let end: UTCTime

  /// What was before a snapshot of another broadcast, for as long as its playlists may be played; nil for nothing.
  init?(before next: PresentationSnapshot, at now: UTCTime, _ previous: BroadcastView?) {
    guard let previous else { return nil }
    if previous.snapshot.isEnded, !next.isEnded, !previous.snapshot.renditions.isEmpty {
      snapshot = previous.snapshot
      let window = previous.snapshot.constants.window
      end = UTCTime(microseconds: now.microseconds + 2 * window.nanoseconds / 1000)
    } else if let former = previous.former, now < former.end {
      self = former
    } else {
      return nil
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
    let shownNumbers: Range<Int64>
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
        eventStreams: rendition.eventStreams,
        shownNumbers: rendition.shownNumbers
      )
    }
    periods = snapshot.periods
    isEnded = snapshot.isEnded
  }
}

/// The manifests of all views that say the same.
private final class ManifestEdition {
  let state: ManifestState
  /// The MPD's.
  let publishTime: UTCTime
  let texts = RenderCache<ManifestKey>()

  init(_ state: ManifestState, publishTime: UTCTime) {
    self.state = state
    self.publishTime = publishTime
  }
}

/// What the playlists of all views say of segments.
private final class ListedLines {
  private struct Key: Hashable {
    let content: MediaPlaylist.Content
    let rendition: String
  }

  private var lines: [Key: SegmentLines] = [:]

  subscript(content: MediaPlaylist.Content, of rendition: String) -> SegmentLines {
    let key = Key(content: content, rendition: rendition)
    if let known = lines[key] { return known }
    let new = SegmentLines()
    lines[key] = new
    return new
  }

  /// Forgets what is not in the window of one of these.
  func forget(besides renditions: [RenditionSnapshot]) {
    for (key, known) in lines {
      let named = renditions.first { $0.info.name == key.rendition && !$0.segments.isEmpty }
      if let oldest = named?.segments.first {
        known.forget(before: oldest.number)
      } else {
        lines[key] = nil
      }
    }
  }
}

private enum PlaylistKey: Hashable {
  case media(MediaPlaylist.Content, String, PlaylistPosition, Bool)
  case multivariant
}

private struct ManifestKey: Hashable {
  let unit: MediaPresentation.Unit
  let timeURL: String
}

/// Texts that were rendered from the same state.
private final class RenderCache<Key: Hashable> {
  /// Hosts in manifests come from requests: no more variants than this are kept.
  private var limit: Int { 256 }
  private var texts: [Key: Rendered] = [:]

  subscript(key: Key) -> Rendered? { texts[key] }

  func rendered(_ key: Key, _ render: () -> Rendered) -> Rendered {
    if let text = texts[key] { return text }
    let text = render()
    if texts.count >= limit { texts = [:] }
    texts[key] = text
    return text
  }
}
