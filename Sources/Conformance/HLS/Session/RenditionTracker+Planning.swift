internal import Wire

extension RenditionTracker {
  /// The resource of an entry, with the offset that an entry without one continues from.
  ///
  /// `ends` are where the ranges before it ended, by URI.
  private func resource(
    _ uri: String,
    _ range: ByteRange?,
    _ ends: inout [String: Int]
  ) -> Resource? {
    guard let url = self.url.resolve(uri) else { return nil }
    guard let range else { return Resource(url: url) }
    let start = range.offset ?? ends[uri] ?? 0
    // Both are below 2^53.
    ends[uri] = start + range.length
    return Resource(url: url, start: start, length: range.length)
  }

  /// What a hint and the part that comes of it have in common.
  static func hintKey(_ resource: Resource) -> Resource {
    Resource(url: resource.url, start: resource.start ?? 0)
  }

  /// Asks for everything of a playlist that is worth looking at and was not asked for.
  mutating func planMedia(
    _ next: MediaPlaylist,
    after previous: MediaPlaylist?,
    now: Instant,
    into ledger: inout Ledger
  ) {
    if media.firstPartNumber == .max {
      media.firstPartNumber = next.wholeSegments.last?.number ?? next.segments.first?.number ?? 0
    }
    planMaps(next)
    planSegments(next, after: previous, into: &ledger)
    planParts(next, now: now, isFirst: previous == nil, into: &ledger)
    planHint(next)
    if let previous { planGone(next, after: previous) }
    media.prune(before: (next.segments.last?.number ?? 0) - 12)
  }

  private mutating func planMaps(_ next: MediaPlaylist) {
    for map in Set(next.segments.suffix(64).compactMap(\.map)) {
      guard let resource = resource(of: map), media.asked.insert(resource).inserted else {
        continue
      }
      media.examples[.initSegment] = resource.url
      want(.initSegment(resource), resource, timeout: .seconds(10))
    }
  }

  func resource(of map: MapEntry) -> Resource? {
    var ends: [String: Int] = [:]
    return resource(map.uri, map.byteRange.flatMap { ByteRange($0) }, &ends)
  }

  /// Asks for new segments; at first for the newest two, and for two of the past.
  private mutating func planSegments(
    _ next: MediaPlaylist,
    after previous: MediaPlaylist?,
    into ledger: inout Ledger
  ) {
    let whole = next.wholeSegments
    guard let newest = whole.last?.number, let oldest = whole.first?.number else { return }
    let known = previous?.wholeSegments.last?.number
    var names: Set<Resource> = []
    var ends: [String: Int] = [:]
    for (segment, date) in zip(whole, next.dates) {
      guard let resource = resource(segment.uri, segment.byteRange, &ends) else {
        ledger.record("HLS-020", .fail, subject, "\(segment.uri) is no URL to fetch")
        continue
      }
      if !names.insert(resource).inserted {
        ledger.record("HLS-021", .fail, resource.description, "two segments have this URL")
      }
      let isWanted =
        known.map { segment.number > $0 }
        ?? (segment.number > newest - 2 || segment.number == oldest + 1
          || segment.number == oldest + (newest - oldest) / 2)
      guard isWanted, !segment.isGap, media.asked.insert(resource).inserted,
        media.running < Self.maximumMediaFetches
      else { continue }
      media.running += 1
      media.examples[.segment] = resource.url
      var planned = MediaState.Planned(
        entry: segment,
        date: date,
        map: segment.map.flatMap { self.resource(of: $0) },
        url: resource.start == nil ? resource.url : nil,
        subject: resource.description
      )
      if segment.number >= media.firstPartNumber { planned.parts = partResources(segment) ?? [] }
      media.planned[segment.number] = planned
      want(.segment(segment.number, resource), resource, timeout: .seconds(15))
    }
  }

  /// The resources of a segment's parts; nil when one is a gap or no URL.
  private func partResources(_ segment: SegmentEntry) -> [Resource]? {
    var ends: [String: Int] = [:]
    var resources: [Resource] = []
    for part in segment.parts {
      guard !part.isGap, let resource = resource(part.uri, part.byteRange, &ends) else {
        return nil
      }
      resources.append(resource)
    }
    return resources
  }

  private mutating func planParts(
    _ next: MediaPlaylist,
    now: Instant,
    isFirst: Bool,
    into ledger: inout Ledger
  ) {
    for segment in next.segments.suffix(8) where segment.number >= media.firstPartNumber {
      guard let resources = partResources(segment) else { continue }
      for (part, resource) in zip(segment.parts, resources) {
        let key = Self.hintKey(resource)
        if media.listed[key] == nil {
          media.listed[key] = (now, part.duration)
          if isFirst { media.delivered[key] = nil }
          compareRelease(key)
        }
        if let reason = media.refused.removeValue(forKey: key) {
          ledger.record("HLS-056", .fail, resource.description, "hinted, then listed: \(reason)")
          media.asked.remove(key)
        }
        guard media.asked.insert(key).inserted, media.running < Self.maximumMediaFetches else {
          continue
        }
        media.running += 1
        media.examples[.part] = resource.url
        want(.part(resource), resource, timeout: .seconds(10))
      }
    }
  }

  private mutating func planHint(_ next: MediaPlaylist) {
    for hint in next.hints.prefix(2) where !next.isEnded {
      guard let url = self.url.resolve(hint.uri) else { continue }
      let resource = Resource(url: url, start: hint.start, length: hint.length)
      if hint.type == "MAP" {
        if media.asked.insert(resource).inserted {
          want(.initSegment(resource), resource, timeout: patience)
        }
        continue
      }
      guard hint.type == "PART", media.asked.insert(Self.hintKey(resource)).inserted,
        media.running < Self.maximumMediaFetches
      else { continue }
      media.running += 1
      want(.hint(resource), resource, timeout: patience)
    }
  }

  /// Looks now and then for what just left the playlist, which must still be there for a while.
  private mutating func planGone(_ next: MediaPlaylist, after previous: MediaPlaylist) {
    let first = next.segments.first?.number ?? 0
    if let gone = previous.wholeSegments.last(where: { $0.number < first }), !gone.isGap,
      let url = self.url.resolve(gone.uri), gone.byteRange == nil
    {
      lookAgain(Resource(url: url), "HLS-022", hash: nil, validator: nil)
    }
    let bare = next.segments.last { $0.duration != nil && $0.parts.isEmpty }
    if let bare, let before = previous.segments.first(where: { $0.number == bare.number }),
      let part = before.parts.last, !part.isGap, let url = self.url.resolve(part.uri),
      part.byteRange == nil
    {
      lookAgain(Resource(url: url), "HLS-052", hash: nil, validator: nil)
    }
  }

  /// Asks for a resource once more.
  mutating func lookAgain(
    _ resource: Resource,
    _ requirement: String,
    hash: Bytes?,
    validator: String?
  ) {
    guard media.running < Self.maximumMediaFetches else { return }
    media.running += 1
    want(
      .again(resource, requirement: requirement, hash: hash, validator: validator),
      resource,
      timeout: .seconds(10)
    )
  }

  /// Compares the release of a hinted part with that of the playlist that lists it, once both are
  /// known.
  mutating func compareRelease(_ key: Resource) {
    guard let listed = media.listed[key], let delivered = media.delivered.removeValue(forKey: key)
    else { return }
    let apart = delivered.end - listed.time
    tallies.releases.add(max(apart, .zero - apart), limit: delay)
    tallies.reloads.add(listed.time - delivered.firstByte, limit: delay)
    tallies.deliveries.add(
      delivered.end - delivered.firstByte,
      limit: Tolerance.delivery(listed.duration, delay: delay)
    )
  }
}

extension Interval {
  static func - (left: Interval, right: Interval) -> Interval {
    Interval(nanoseconds: left.nanoseconds &- right.nanoseconds)
  }
}
