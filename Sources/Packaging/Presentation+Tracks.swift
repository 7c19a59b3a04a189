internal import CMAF
package import Wire

// Tracks that go while others stay or take their place, and when playlists and manifests say so.
//
// The segment with which manifests change follows from media as far as can be: a change is decided when
// the catalog comes, which is not at the same moment on every bridge.
extension Presentation {
  /// Whether media of a track is published, or waits for the leading one.
  package func hasMedia(_ track: Int) -> Bool { tracks[track].hasMedia }

  /// Takes the knowledge which tracks the publisher has now.
  ///
  /// Those that are added when it has none of them are another one's: whether their media goes on where that
  /// of the others stopped is decided by what arrives.
  package func notePresent(_ present: [Int]) {
    if present.isEmpty {
      addedGeneration = (tracks.map(\.generation).max() ?? 0) + 1
    } else if present.contains(where: { tracks[$0].generation < addedGeneration }) {
      addedGeneration = 0
    }
  }

  /// Whether a track has come with another publisher than the lead, in whose place one of them will be.
  func awaitsLead(_ track: Int) -> Bool {
    tracks[lead].generation < addedGeneration && tracks[track].generation >= addedGeneration
  }

  /// Ends tracks that the publisher has no more, while it has others; does nothing when it has none.
  ///
  /// Their last segments are closed. The manifests name them until every other track has media, or a
  /// while is over; then their playlists end.
  package func retire(_ leaving: [Int], now: Instant) {
    let others = tracks.indices.filter { tracks[$0].life == .live && !leaving.contains($0) }
    guard !isEnded, !others.isEmpty else { return }
    for index in leaving where tracks[index].life == .live { tracks[index].end() }
    if tracks[lead].life != .live {
      let rank = { (index: Int) in self.tracks[index].description.info.kind == .video ? 0 : 1 }
      let names = others.sorted { left, right in
        (rank(left), tracks[left].description.info.name)
          < (rank(right), tracks[right].description.info.name)
      }
      replaceLead(by: names.first { tracks[$0].hasMedia } ?? names[0])
    }
    let length = Interval(seconds: constants?.segmentLength.seconds ?? 0)
    replacementDeadline = now + length * 2 + policy.stallPatience
    if constants == nil { beginIfReady(now: now, utc: lastUTC) }
    advance(now: now)
  }

  /// Whether the newest Period is one that a track is in.
  package func isShown(_ track: Int) -> Bool {
    periods.last.map { $0.number < tracks[track].shownUntil } ?? false
  }

  /// How long players may have use for a track that is retired: what an MPD lists, and what comes while
  /// its last Period ends.
  package var retirementInterval: Interval {
    let length = Interval(seconds: constants?.segmentLength.seconds ?? 0)
    return max(policy.window, length * 6) + length * 6
  }

  /// Forgets a track that is over, with all that is held of it; the indices of those behind it are one
  /// less then.
  ///
  /// False when it is not over.
  package func forget(_ track: Int) -> Bool {
    guard tracks[track].life != .live, track != lead else { return false }
    let forgotten = tracks.remove(at: track)
    if lead > track { lead -= 1 }
    // What waited for others to be published may have been its.
    if forgotten.writer?.updates.isEmpty == false {
      for other in tracks { other.blockedUntil = nil }
    }
    // Without it they would name other tracks than before.
    while periods.count > 1, periods[0].number < forgotten.shownUntil { periods.removeFirst() }
    publish()
    return true
  }

  // MARK: Changes of manifests

  var inOrder: [PackagedTrack] {
    guard zip(tracks, tracks.dropFirst()).contains(where: { $0.rank > $1.rank }) else {
      return tracks
    }
    return tracks.enumerated().sorted { left, right in
      (left.element.rank, left.offset) < (right.element.rank, right.offset)
    }.map(\.element)
  }

  /// The newest segment of the tracks that are named and stay.
  private var newestNumber: Int64? {
    tracks.filter { $0.life == .live && $0.shownFrom < .max }
      .compactMap { $0.window.segments.last?.number }.max()
  }

  /// Names a track that was added and has media now.
  func show(_ index: Int) {
    guard let first = tracks[index].window.segments.first?.number else { return }
    // With its second segment: others may be in the first one already.
    let number = newestNumber.map { max(first, $0) + 1 } ?? first
    tracks[index].shownFrom = change(at: number)
  }

  /// Whether tracks that are over may be taken out: all of them is published.
  var canReplace: Bool {
    constants != nil
      && tracks.allSatisfy { $0.life != .over || $0.writer?.updates.isEmpty ?? true }
  }

  /// Takes tracks that are over out of the manifests when others can stand in for them; true when it did.
  func retireReplaced(now: Instant) -> Bool {
    let leaving = tracks.filter { $0.life == .over }
    guard let deadline = replacementDeadline, canReplace else { return false }
    let live = tracks.filter { $0.life == .live }
    let there = live.filter { !$0.window.segments.isEmpty }
    guard !there.isEmpty, there.count == live.count || now >= deadline else {
      if now >= deadline { replacementDeadline = now + policy.stallPatience }
      return false
    }
    replacementDeadline = nil
    let arriving = there.filter { $0.shownFrom == .max }
    let first = arriving.compactMap { $0.window.segments.first?.number }.max()
    var number = first ?? .min
    if let newest = newestNumber {
      // Late enough that every bridge knows by then, wherever in a segment the catalog came.
      let last = leaving.compactMap { $0.window.segments.last?.number }.max()
      number = max(
        newest + 1,
        last.map { $0 + 1 + knownAfter } ?? .min,
        first.map { $0 + 1 } ?? .min
      )
    }
    number = change(at: number)
    for track in arriving { track.shownFrom = number }
    for track in leaving {
      track.retire(from: number)
      outputs.append(.notice(.retired(track.description.info.name)))
    }
    return true
  }

  /// How many segments take three seconds, by which catalogs are read and believed everywhere.
  private var knownAfter: Int64 {
    let length = max(1, constants?.segmentLength.rounded(toScale: 1000) ?? 1)
    return min((3000 + length - 1) / length, 16)
  }

  /// Lets a Period begin with a segment, or with the first one that there is of it; returns which.
  private func change(at number: Int64) -> Int64 {
    if let newest = periods.last?.number, number <= newest { return newest }
    changeOfTracks = max(changeOfTracks ?? .min, number)
    let isThere = tracks.contains { ($0.window.segments.last?.number ?? .min) >= number }
    let run = runs.lastIndex { $0.timeline.boundary(number) != nil }
    if isThere, let run { beginPeriod(number, run) }
    return number
  }
}
