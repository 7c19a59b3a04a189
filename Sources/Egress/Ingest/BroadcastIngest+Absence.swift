internal import MoQ
internal import Packaging
internal import Wire

/// Tracks that the catalogs have no more.
extension BroadcastIngest {
  /// The index of the track that has a name now.
  func index(of name: String) -> Int? {
    tracks.firstIndex { $0.catalog.name == name && $0.forgetAt == nil }
  }

  /// Looks which tracks no session's catalog has.
  ///
  /// Catalogs that have none at all say nothing: what there is stays until there are others, or the
  /// broadcast ends.
  func noteAbsence(now: Instant) {
    hasLostCatalog = false
    guard fixedCatalog == nil, !legs.isEmpty else { return }
    var names: Set<String> = []
    var areAllRead = true
    for leg in legs.values {
      guard let catalog = leg.catalog.catalog else {
        areAllRead = false
        continue
      }
      for track in catalog.tracks { names.insert(track.name) }
      names.formUnion(leg.catalog.unreadTracks)
    }
    // A session that has not said yet what it has may have what others have not.
    guard areAllRead else { return }
    for track in tracks where track.forgetAt == nil {
      let isThere = names.isEmpty || names.contains(track.catalog.name)
      track.absentSince = isThere ? nil : track.absentSince ?? now
    }
    presentation?.notePresent(
      tracks.filter { $0.absentSince == nil && $0.forgetAt == nil }.compactMap(\.index)
    )
    planReview(now: now)
  }

  /// Retires tracks that stay away and have been replaced, and forgets those whose time has come.
  func reviewAbsence(now: Instant) {
    guard status.phase != .ended, let presentation else {
      absenceDeadline = nil
      return
    }
    let due = tracks.indices.filter { index in
      tracks[index].absentSince.map { $0 + Self.absencePatience <= now } ?? false
    }
    if !due.isEmpty, areReplaced(now: now) {
      presentation.retire(due.compactMap { tracks[$0].index }, now: now)
      for index in due {
        // What was never packaged leaves nothing behind.
        let interval = tracks[index].index == nil ? .zero : presentation.retirementInterval
        retire(index, forgetAt: now + interval)
      }
    }
    for index in tracks.indices.reversed() {
      guard let forgetAt = tracks[index].forgetAt, forgetAt <= now else { continue }
      if let known = tracks[index].index, presentation.isShown(known) {
        // Nothing has come since that could take its place.
        tracks[index].forgetAt = now + configuration.packaging.window
      } else {
        forget(index)
      }
    }
    planReview(now: now)
  }

  private func planReview(now: Instant) {
    let times = tracks.compactMap { track in
      track.forgetAt
        ?? track.absentSince.map { max($0 + Self.absencePatience, now + Self.settleInterval) }
    }
    absenceDeadline = times.min()
  }

  /// Whether there is media of what the catalogs have now: of all of it, or of some for long enough.
  private func areReplaced(now: Instant) -> Bool {
    guard let presentation else { return false }
    let present = tracks.indices.filter { index in
      tracks[index].absentSince == nil && tracks[index].forgetAt == nil
        && (tracks[index].index != nil
          || legs.values.contains { $0.subscription(of: index) != nil })
    }
    let delivering = present.filter { index in
      tracks[index].index.map { presentation.hasMedia($0) } ?? false
    }
    guard !delivering.isEmpty, delivering.count < present.count else { return !delivering.isEmpty }
    let since = tracks.compactMap(\.absentSince).min() ?? now
    return now - since >= Self.replacementPatience
  }

  /// Lets go of all that a track needs to get media; what was published of it stays.
  private func retire(_ index: Int, forgetAt: Instant) {
    let track = tracks[index]
    for leg in legs.values { leg.giveUp(index, named: track.catalog.name) }
    track.absentSince = nil
    track.forgetAt = forgetAt
    track.intake = nil
    track.early = nil
    track.repairing = nil
    track.seen = Self.nothingSeen
  }

  private func forget(_ index: Int) {
    if let known = tracks[index].index, presentation?.forget(known) == true {
      for track in tracks {
        if let other = track.index, other > known { track.index = other - 1 }
      }
    }
    tracks.remove(at: index)
    early.remove(index)
    for leg in legs.values { leg.remove(index) }
  }

  /// Makes room for one more track than there are, where fewer than `limit` are in the catalogs.
  ///
  /// Those that are gone may be as many; the oldest of them leaves before its time. Before one goes that
  /// was only just missed, one goes that has published nothing.
  func makeRoom(for limit: Int, now: Instant) {
    guard tracks.count >= 2 * limit else { return }
    func first(_ time: (Track) -> Instant?) -> Int? {
      let times = tracks.enumerated().compactMap { index, track in time(track).map { (index, $0) } }
      return times.min { $0.1 < $1.1 }?.0
    }
    if let gone = first(\.forgetAt) { return forget(gone) }
    guard let missed = first({ $0.index == nil ? $0.absentSince : nil }) ?? first(\.absentSince)
    else { return }
    presentation?.retire([tracks[missed].index].compactMap(\.self), now: now)
    retire(missed, forgetAt: now)
    forget(missed)
  }

  /// How long a track may be missing: publishers that start anew may name their tracks one by one.
  static let absencePatience = Interval.seconds(2)
  /// How long tracks that are gone wait for media of all that are there.
  static let replacementPatience = Interval.seconds(10)
}
