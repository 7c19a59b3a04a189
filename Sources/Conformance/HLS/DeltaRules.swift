extension MediaPlaylist {
  /// The whole playlist that a delta stands for, given an earlier whole copy; nil when the copy lacks
  /// segments that the delta leaves out.
  func merged(onto previous: MediaPlaylist) -> MediaPlaylist? {
    guard let skipped else { return self }
    let first = mediaSequence ?? 0
    guard let start = previous.segments.firstIndex(where: { $0.number == first }),
      skipped <= previous.segments.count - start
    else { return nil }
    let filled = previous.segments[start..<start + skipped]
    guard filled.allSatisfy({ $0.duration != nil }) else { return nil }
    var whole = self
    whole.skipped = nil
    // Tags of skipped segments went with them, so that what follows inherits from the copy.
    var map = filled.last?.map
    var key = filled.last?.key
    var discontinuity = filled.last?.discontinuity ?? discontinuitySequence ?? 0
    for index in whole.segments.indices {
      let segment = whole.segments[index]
      if segment.repeatsMap { map = segment.map }
      if segment.key != nil { key = segment.key }
      if segment.startsDiscontinuity { discontinuity += 1 }
      whole.segments[index].map = map
      whole.segments[index].key = key
      whole.segments[index].discontinuity = discontinuity
    }
    whole.segments.insert(
      contentsOf: filled.map { segment in
        // Parts of segments that far back are gone from a whole playlist too.
        var bare = segment
        bare.parts = []
        return bare
      },
      at: 0
    )
    let removed = Set(removedDateRanges ?? [])
    for (id, range) in previous.dateRanges where !removed.contains(id) {
      if whole.dateRanges[id] == nil { whole.dateRanges[id] = range }
    }
    return whole
  }
}

/// What a delta and the whole playlist of the same position show together.
enum DeltaRules {
  /// Judges a delta by itself: what it skips must be older than the skip boundary.
  ///
  /// `whole` is the delta merged into an earlier copy.
  static func judgeBoundary(
    _ delta: MediaPlaylist,
    whole: MediaPlaylist?,
    subject: String,
    into ledger: inout Ledger
  ) {
    guard let skipped = delta.skipped else { return }
    guard let whole else {
      ledger.record("HLS-074", .fail, subject, "\(skipped) segments skipped that were never listed")
      return
    }
    guard let boundary = whole.serverControl?.canSkipUntil else { return }
    let rest = whole.segments.dropFirst(skipped)
    let distance = rest.reduce(Int64(0)) { $0 + ($1.duration ?? $1.partsDuration) }
    ledger.expect(
      "HLS-074",
      distance >= boundary,
      subject,
      "\(skipped) segments skipped, the rest is \(Double(distance) / 1e6) s,"
        + " the boundary \(Double(boundary) / 1e6)"
    )
  }

  /// Compares a delta merged into an earlier copy with the whole playlist of the same edge.
  static func judge(
    merged: MediaPlaylist,
    full: MediaPlaylist,
    subject: String,
    into ledger: inout Ledger
  ) {
    guard merged.edge == full.edge else { return }
    let difference = self.difference(merged, full)
    ledger.expect("HLS-074", difference == nil, subject, difference ?? "delta and whole agree")
  }

  private static func difference(_ merged: MediaPlaylist, _ full: MediaPlaylist) -> String? {
    if merged.mediaSequence != full.mediaSequence { return "media sequences differ" }
    if merged.discontinuitySequence != full.discontinuitySequence {
      return "discontinuity sequences differ"
    }
    if merged.targetDuration != full.targetDuration || merged.partTarget != full.partTarget
      || merged.serverControl != full.serverControl || merged.type != full.type
      || merged.isEnded != full.isEnded
    {
      return "headers differ"
    }
    if merged.hints != full.hints { return "hints differ" }
    if merged.reports.map(\.uri) != full.reports.map(\.uri) { return "reports differ" }
    if merged.segments.count != full.segments.count {
      return "\(merged.segments.count) segments, not \(full.segments.count)"
    }
    for (segment, other) in zip(merged.segments, full.segments) {
      if segment.number != other.number { return "segment numbers differ" }
      if segment.discontinuity != other.discontinuity {
        return "discontinuity sequences of segment \(segment.number) differ"
      }
      if let change = HistoryRules.difference(segment, other) {
        return "segment \(segment.number): \(change)"
      }
    }
    return merged.dateRanges == full.dateRanges ? nil : "date ranges differ"
  }
}
