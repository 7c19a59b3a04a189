internal import Digest
internal import Wire

/// What answers amount to.
extension DASHSession {
  mutating func take(
    header exchange: Exchange,
    of id: String,
    _ address: WebURL,
    _ ledger: inout Ledger
  ) {
    let subject = address.description
    guard exchange.isAnswered, let body = exchange.response?.body else {
      ledger.record("DASH-011", .fail, subject, "the init segment: \(exchange.summary)")
      return
    }
    guard let header = CMAFRules.judge(header: body, subject: subject, &ledger) else { return }
    let leading = header.leadingTrack
    tracks[id]?.headers[address] = leading
    let others = header.tracks.filter { $0.id != leading?.id && $0.timescale > 0 }
    if !others.isEmpty { tracks[id]?.otherHeaders[address] = others }
    tracks[id]?.chain.take(header, subject: subject, &ledger)
    if let latest {
      for (_, _, representation) in latest.manifest.representations where representation.id == id {
        let template = representation.template.initialization
        guard representation.url(template, manifest: latest.url) == address else { continue }
        DASHRules.judge(header: header, of: representation, subject: subject, &ledger)
      }
    }
    settle(&ledger)
  }

  mutating func take(_ answer: SegmentAnswer, _ ledger: inout Ledger) {
    guard let order = answer.errand.order else {
      DASHRules.judge(
        listed: answer.exchange,
        subject: answer.errand.url.description,
        &ledger
      )
      return
    }
    if answer.errand.moment != .past { noteActivity(of: answer.exchange) }
    tracks[answer.errand.track]?.answers[order] = answer
    settle(&ledger)
  }

  /// Judges the answers whose turn it is, and whose MPD is new enough to tell their final duration.
  mutating func settle(_ ledger: inout Ledger, isLast: Bool = false) {
    guard let latest else { return }
    for id in tracks.keys.sorted() {
      while let track = tracks[id] {
        var order = track.settledCount
        if isLast, let next = track.answers.keys.min() { order = next }
        guard let answer = track.answers[order] else { break }
        guard isLast || isRipe(answer, latest) else { break }
        tracks[id]?.answers[order] = nil
        if order > track.settledCount { tracks[id]?.isBroken = true }
        tracks[id]?.settledCount = order + 1
        judge(answer, latest, &ledger)
      }
    }
  }

  /// Whether an MPD has come that was asked for after the segment was whole, and its init segment.
  private func isRipe(_ answer: SegmentAnswer, _ latest: ManifestObservation) -> Bool {
    guard let place = find(answer.errand, in: latest) else { return true }
    let template = place.representation.template
    if let subsegments = place.segment.subsegments, subsegments > 0,
      template.media?.contains("$SubNumber") ?? false,
      Int64(self.subsegments[answer.errand.url]?.count ?? 0) < subsegments
    {
      return false
    }
    if let address = place.representation.url(template.initialization, manifest: latest.url),
      let track = tracks[answer.errand.track], track.headers[address] == nil,
      answer.exchange.ended + .seconds(5) > instant(of: latest.received)
    {
      return false
    }
    guard latest.manifest.isDynamic, template.timeline != nil,
      let available = latest.availability(of: place.segment, in: place.period, template)
    else { return true }
    // What a silent source cuts short has its duration only when it is there.
    return available <= latest.requested && answer.exchange.ended <= instant(of: latest.requested)
  }

  private mutating func judge(
    _ answer: SegmentAnswer,
    _ latest: ManifestObservation,
    _ ledger: inout Ledger
  ) {
    let errand = answer.errand
    let subject = errand.url.description
    guard let place = find(errand, in: latest) else {
      // What was planned and didn't come, or has left the window since.
      tracks[errand.track]?.isBroken = true
      return
    }
    let template = place.representation.template
    let length = TrackTime(ticks: place.segment.duration, timescale: template.timescale).interval
    if let available = latest.availability(of: place.segment, in: place.period, template) {
      let whole = local(available)
      switch errand.moment {
      case .past:
        DASHRules.judge(listed: answer.exchange, subject: subject, &ledger)
      case .available:
        let finding = DASHRules.judge(
          available: answer.exchange,
          since: whole,
          duration: length,
          lateness: settings.lateness
        )
        judge(finding, of: answer.exchange, subject: subject, &ledger)
      case .early:
        let early = Interval(nanoseconds: -template.availabilityTimeOffset.nanoseconds)
        let finding = DASHRules.judge(
          early: answer.exchange,
          since: whole.moved(by: early),
          until: whole,
          piece: max(.zero, length - template.availabilityTimeOffset),
          lateness: settings.lateness,
          subject: subject,
          &ledger
        )
        judge(finding, of: answer.exchange, subject: subject, &ledger)
      }
    }
    guard answer.exchange.isAnswered, let response = answer.exchange.response,
      let address = place.representation.url(template.initialization, manifest: latest.url),
      let header = tracks[errand.track]?.headers[address]
    else {
      tracks[errand.track]?.isBroken = true
      return
    }
    let body = joinedBody(errand, response.body, subject, &ledger)
    let others = tracks[errand.track]?.otherHeaders[address] ?? []
    for other in others {
      var expectation = SegmentExpectation()
      expectation.isMuxed = true
      expectation.duration = (
        TrackTime(ticks: place.segment.duration, timescale: template.timescale),
        CMAFRules.otherTrackTolerance
      )
      let name = "\(subject), track \(other.id)"
      _ = CMAFRules.judge(segment: body, of: other, expectation, subject: name, &ledger)
    }
    let media = (bytes: body, isMuxed: !others.isEmpty)
    judge(media, header, errand, place.set, place.representation, place.segment, &ledger)
  }

  /// The bytes of a whole segment, which may have come in sub-segments.
  private mutating func joinedBody(
    _ errand: SegmentErrand,
    _ body: Bytes,
    _ subject: String,
    _ ledger: inout Ledger
  ) -> Bytes {
    guard let parts = subsegments.removeValue(forKey: errand.url) else { return body }
    let exchanges = parts.keys.sorted().compactMap { parts[$0] }
    let joined = Bytes(exchanges.flatMap { $0.response?.body.array ?? [] })
    DASHRules.judge(subsegments: exchanges, of: joined, subject: subject, &ledger)
    return joined
  }

  private mutating func judge(
    _ media: (bytes: Bytes, isMuxed: Bool),
    _ header: HeaderTrack,
    _ errand: SegmentErrand,
    _ set: Manifest.AdaptationSet,
    _ representation: Manifest.Representation,
    _ listed: SegmentTemplate.Listed,
    _ ledger: inout Ledger
  ) {
    let subject = errand.url.description
    let template = representation.template
    var expectation = SegmentExpectation()
    expectation.isMuxed = media.isMuxed
    if template.timeline != nil {
      let time = TrackTime(ticks: listed.duration, timescale: template.timescale)
      expectation.duration = (time, .zero)
    }
    expectation.eventSchemes = Set(set.inbandSchemes + representation.inbandSchemes)
    expectation.wallClock = DASHRules.wallClock(
      of: TrackTime(ticks: listed.start, timescale: template.timescale),
      in: set,
      template
    )
    guard
      let segment = CMAFRules.judge(
        segment: media.bytes,
        of: header,
        expectation,
        subject: subject,
        &ledger
      )
    else {
      tracks[errand.track]?.isBroken = true
      return
    }
    DASHRules.judge(
      segment: segment,
      of: header,
      listed: listed,
      template,
      set,
      subject: subject,
      &ledger
    )
    if let time = segment.chunks.first?.preamble.producerTimes.first,
      header.timescale > 0,
      let expected = DASHRules.wallClock(
        of: TrackTime(ticks: time.mediaTime, timescale: header.timescale),
        in: set,
        template
      )
    {
      DASHRules.judge(time, against: expected, subject: subject, &ledger)
    }
    follow(segment, header, errand, media.bytes, &ledger)
  }

  /// Adds a segment to what is known of its track.
  private mutating func follow(
    _ segment: MediaSegment,
    _ header: HeaderTrack,
    _ errand: SegmentErrand,
    _ body: Bytes,
    _ ledger: inout Ledger
  ) {
    guard var track = tracks[errand.track] else { return }
    track.chain.take(
      segment,
      isContinuous: errand.isContinuous && !track.isBroken,
      subject: errand.url.description,
      &ledger
    )
    track.isBroken = false
    if let start = segment.start, header.timescale > 0,
      track.places.count < WatchedTrack.maximumPlaces
    {
      let duration = TrackTime(ticks: segment.duration, timescale: header.timescale)
      track.places.append(
        SegmentPlace(
          rendition: track.name,
          kind: header.kind,
          number: 0,
          start: TrackTime(ticks: start, timescale: header.timescale),
          duration: duration
        )
      )
      track.measured.append((duration.interval, body.count))
      let longest = segment.chunks.flatMap(\.samples).map(\.duration).max() ?? 0
      track.longestSample = max(
        track.longestSample,
        TrackTime(ticks: Int64(longest), timescale: header.timescale).interval
      )
      remember(
        FetchedSegment(
          url: errand.url,
          rendition: track.name,
          kind: header.kind,
          start: TrackTime(ticks: start, timescale: header.timescale),
          duration: duration,
          digest: SHA256.digest(body)
        )
      )
    }
    tracks[errand.track] = track
  }

  /// Judges what has come in and waits for an MPD that is newer.
  mutating func settleAll(_ ledger: inout Ledger) { settle(&ledger, isLast: true) }

  /// Judges what shows only over the whole time: DASH-029, CMAF-011, CMAF-012, and what was late.
  ///
  /// Comes after ``settleAll(_:)``.
  mutating func finish(outages: Outages, _ ledger: inout Ledger) {
    judgeDeferred(without: outages, &ledger)
    let window = latest?.manifest.minBufferTime ?? .seconds(1)
    for id in tracks.keys.sorted() {
      guard let track = tracks[id], let bandwidth = track.bandwidth else { continue }
      DASHRules.judge(
        bandwidth: bandwidth,
        of: track.measured,
        window: window,
        subject: id,
        &ledger
      )
    }
    let places = numberedPlaces()
    CMAFRules.judgeAlignment(places, &ledger)
    let frame = tracks.values.filter { $0.places.first?.kind == .audio }.map(\.longestSample).max()
    CMAFRules.judgeAudioStarts(places, audioFrame: frame ?? .zero, &ledger)
  }

  /// The segments of all tracks under the numbers of those of the first video track that they are
  /// nearest to; those that are nearest to none are left out.
  private func numberedPlaces() -> [SegmentPlace] {
    let sorted = tracks.keys.sorted().compactMap { tracks[$0] }
    guard let reference = sorted.first(where: { $0.places.first?.kind == .video })?.places else {
      return []
    }
    var numbered: [SegmentPlace] = []
    for place in sorted.flatMap(\.places) {
      guard
        let index = reference.indices.min(by: {
          reference[$0].start.distance(to: place.start)
            < reference[$1].start.distance(to: place.start)
        })
      else { continue }
      let nearest = reference[index]
      guard nearest.start.distance(to: place.start) * 2 < nearest.duration.interval else {
        continue
      }
      numbered.append(
        SegmentPlace(
          rendition: place.rendition,
          kind: place.kind,
          number: Int64(index),
          start: place.start,
          duration: place.duration
        )
      )
    }
    return numbered
  }
}
