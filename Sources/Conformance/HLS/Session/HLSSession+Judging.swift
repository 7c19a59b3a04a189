internal import Wire

/// What is judged over all media playlists together.
extension HLSSession {
  private var views: [RenditionView] {
    trackers.compactMap { tracker in
      tracker.playlist.map { playlist in
        RenditionView(
          url: tracker.url,
          playlist: playlist,
          facts: tracker.media.facts,
          isVideo: tracker.media.track.map { $0.kind == .video } ?? (tracker.name != "AUDIO")
        )
      }
    }
  }

  func comparePlaylists(into ledger: inout Ledger) {
    PresentationRules.judge(views, into: &ledger)
  }

  /// What media came when, in all renditions.
  var activities: [Activity] { trackers.flatMap(\.history.activities) }

  /// Whether every playlist has come to its end.
  var isEnded: Bool { !trackers.isEmpty && trackers.allSatisfy { $0.playlist?.isEnded == true } }

  /// How long a silence has to last to be an outage; nil while nothing is known.
  var outageLimits: OutageLimits? {
    let limits = trackers.compactMap(\.outageLimits)
    guard let marked = limits.map(\.marked).max(), let unmarked = limits.map(\.unmarked).max()
    else { return nil }
    return OutageLimits(marked: marked, unmarked: unmarked)
  }

  /// Judges what takes the whole check to see; nothing may be called after it.
  mutating func finish(now: Instant, outages: Outages, into ledger: inout Ledger) {
    comparePlaylists(into: &ledger)
    let histories = Dictionary(
      trackers.map { ($0.url, $0.history) },
      uniquingKeysWith: { first, _ in first }
    )
    let largest = trackers.compactMap { $0.playlist?.partTarget }.max() ?? 0
    for index in trackers.indices {
      let url = trackers[index].url
      trackers[index].finish(
        others: histories.filter { $0.key != url },
        largestPartTarget: largest,
        outages: outages,
        now: now,
        into: &ledger
      )
    }
    MultivariantRules.judgeIndependence(
      multivariant,
      media: trackers.compactMap(\.playlist),
      subject: entry.description,
      into: &ledger
    )
    judgeVariants(into: &ledger)
    judgeAlignment(into: &ledger)
  }

  /// The presentation times at which the first video rendition begins anew.
  var discontinuities: [TrackTime] {
    guard let video = trackers.first(where: { $0.media.track?.kind == .video }) else { return [] }
    let facts = video.media.facts.values.sorted { $0.number < $1.number }
    return zip(facts, facts.dropFirst())
      .filter { $0.discontinuity != $1.discontinuity }
      .map { TrackTime(ticks: $1.presentation, timescale: $1.timescale) }
  }

  private func tracker(_ uri: String?) -> RenditionTracker? {
    uri.flatMap { entry.resolve($0) }.flatMap { url in trackers.first { $0.url == url } }
  }

  /// Compares what variants say with what their media is.
  private func judgeVariants(into ledger: inout Ledger) {
    guard let multivariant else { return }
    for variant in multivariant.variants {
      guard let own = tracker(variant.uri), let track = own.media.track else { continue }
      let group = multivariant.renditions.filter { rendition in
        rendition["TYPE"] == "AUDIO" && rendition["GROUP-ID"] == variant.attributes["AUDIO"]
      }
      let others = group.compactMap { tracker($0["URI"]) }
      let subject = "\(entry), \(variant.uri)"
      if others.count == group.count(where: { $0["URI"] != nil }) {
        MultivariantRules.judgeCodecs(
          variant,
          actual: others.reduce(own.media.codecs) { $0.union($1.media.codecs) },
          subject: subject,
          into: &ledger
        )
      }
      if track.kind == .video, let entry = track.sampleEntries.first {
        MultivariantRules.judgeResolution(
          variant,
          width: entry.width,
          height: entry.height,
          subject: subject,
          into: &ledger
        )
      }
      if let peak = own.media.peak {
        MediaTimeRules.judgeBandwidth(
          variant.attributes.integer("BANDWIDTH") ?? 0,
          peak: peak + (others.compactMap(\.media.peak).max() ?? 0),
          subject: subject,
          into: &ledger
        )
      }
    }
  }

  private func judgeAlignment(into ledger: inout Ledger) {
    var places: [SegmentPlace] = []
    var audioFrame = Interval.zero
    for tracker in trackers {
      guard let track = tracker.media.track else { continue }
      for facts in tracker.media.facts.values {
        places.append(
          SegmentPlace(
            rendition: tracker.url.description,
            kind: track.kind,
            number: Int64(facts.number),
            start: TrackTime(ticks: facts.start, timescale: facts.timescale),
            duration: TrackTime(ticks: facts.duration, timescale: facts.timescale)
          )
        )
        if track.kind == .audio {
          audioFrame = max(audioFrame, .microseconds(facts.microseconds(facts.frame)))
        }
      }
    }
    CMAFRules.judgeAlignment(places, &ledger)
    CMAFRules.judgeAudioStarts(places, audioFrame: audioFrame, &ledger)
  }
}
