internal import Digest
internal import Wire

extension RenditionTracker {
  /// Takes media that came, or did not.
  mutating func receiveMedia(
    _ purpose: FetchPurpose,
    _ exchange: Exchange,
    into ledger: inout Ledger
  ) {
    if case .initSegment = purpose {} else { media.running -= 1 }
    switch purpose {
    case .initSegment(let resource): receiveInit(resource, exchange, into: &ledger)
    case .segment(let number, let resource):
      guard
        let response = MediaAnswerRules.judgeListed(exchange, resource, "HLS-020", into: &ledger)
      else { return }
      media.planned[number]?.body = response.body
      sample(resource, response)
      evaluate(into: &ledger)
    case .part(let resource):
      guard
        let response = MediaAnswerRules.judgeListed(exchange, resource, "HLS-020", into: &ledger)
      else { return }
      media.keep(response.body, of: Self.hintKey(resource))
      sample(resource, response)
      evaluate(into: &ledger)
    case .hint(let resource): receiveHint(resource, exchange, into: &ledger)
    case .again(let resource, let requirement, let hash, let validator):
      MediaAnswerRules.judgeAgain(
        exchange,
        resource,
        requirement,
        hash: hash,
        validator: validator,
        into: &ledger
      )
    default: break
    }
  }

  private mutating func receiveInit(
    _ resource: Resource,
    _ exchange: Exchange,
    into ledger: inout Ledger
  ) {
    guard let response = MediaAnswerRules.judgeListed(exchange, resource, "HLS-023", into: &ledger)
    else {
      return
    }
    let header = CMAFRules.judge(
      header: response.body,
      subject: resource.description,
      &ledger
    )
    if let header {
      media.chain.take(header, subject: resource.description, &ledger)
      media.track = header.leadingTrack
      for entry in header.tracks.flatMap(\.sampleEntries) {
        media.codecs.insert(entry.codec ?? entry.format)
      }
    }
    media.inits[resource] = MediaState.Initialization(
      hash: SHA256.digest(response.body),
      validator: response.header("ETag"),
      header: header
    )
    evaluate(into: &ledger)
  }

  private mutating func receiveHint(
    _ resource: Resource,
    _ exchange: Exchange,
    into ledger: inout Ledger
  ) {
    let key = Self.hintKey(resource)
    let wanted = resource.start == nil ? 200 : 206
    guard let response = exchange.response else {
      // A hint may come to nothing; it counts when the part is listed all the same.
      if exchange.failure == .timedOut || exchange.failure == .cancelled { return }
      media.refused[key] = exchange.summary
      return
    }
    if response.status == 503, exchange.duration >= holdTime {
      // Held in vain for as long as a reload may be; the part is asked for again when it is listed.
      media.asked.remove(key)
      return
    }
    guard response.status == wanted || response.status == 200, response.isWhole else {
      media.refused[key] = exchange.summary
      if response.status != 404, response.status != 503 {
        ledger.record("HLS-056", .fail, resource.description, exchange.summary)
      }
      return
    }
    ledger.expect(
      "HLS-056",
      !response.body.isEmpty,
      resource.description,
      "\(exchange.summary), \(response.body.count) bytes"
    )
    media.examples[.part] = resource.url
    media.delivered[key] = MediaState.Delivered(
      firstByte: response.firstByteTime,
      end: response.endTime
    )
    media.keep(response.body, of: key)
    compareRelease(key)
    sample(resource, response)
    evaluate(into: &ledger)
  }

  /// Has every eighth resource looked at again, later than it came.
  private mutating func sample(_ resource: Resource, _ response: Response) {
    media.samplings += 1
    guard media.samplings % 8 == 1 else { return }
    lookAgain(
      resource,
      "HLS-021",
      hash: SHA256.digest(response.body),
      validator: response.header("ETag")
    )
  }

  /// Judges every segment for which all that it is compared with is there.
  private mutating func evaluate(into ledger: inout Ledger) {
    for number in media.planned.keys.sorted() {
      guard let planned = media.planned[number], let body = planned.body else { continue }
      let parts = planned.parts.map { media.partBodies[Self.hintKey($0)] }
      // Parts may still be on their way, but not for ever.
      let isLate = media.planned.values.count { $0.body != nil } > MediaState.maximumWaiting
      guard isLate || !parts.contains(where: { $0 == nil }) else { continue }
      let initialization = planned.map.flatMap { media.inits[$0] }
      guard planned.map == nil || initialization != nil || isLate else { continue }
      media.planned[number] = nil
      for part in planned.parts { media.drop(Self.hintKey(part)) }
      let whole = parts.compactMap { $0 }
      if !whole.isEmpty, whole.count == parts.count {
        MediaAnswerRules.judgeParts(whole, segment: body, planned.subject, into: &ledger)
      }
      guard let initialization, let header = initialization.header,
        let track = header.leadingTrack, track.timescale > 0, planned.entry.key == nil
      else { continue }
      evaluate(planned, body, whole, track, header, initialization.hash, into: &ledger)
      evaluateOthers(planned, body, header, into: &ledger)
    }
  }

  /// Judges the tracks beside the leading one, which end somewhere near it.
  private mutating func evaluateOthers(
    _ planned: MediaState.Planned,
    _ body: Bytes,
    _ header: InitHeader,
    into ledger: inout Ledger
  ) {
    let others = header.tracks.filter { $0.id != header.leadingTrack?.id && $0.timescale > 0 }
    guard !others.isEmpty else { return }
    let entry = planned.entry
    let isNext = media.otherEnd.map {
      $0.number + 1 == entry.number && $0.discontinuity == entry.discontinuity
    }
    media.otherEnd = entry
    for track in others {
      var expectation = SegmentExpectation()
      expectation.isMuxed = true
      expectation.duration = entry.duration.map {
        (TrackTime(ticks: $0, timescale: 1_000_000), CMAFRules.otherTrackTolerance)
      }
      let subject = "\(planned.subject), track \(track.id)"
      guard
        let segment = CMAFRules.judge(
          segment: body,
          of: track,
          expectation,
          subject: subject,
          &ledger
        )
      else { continue }
      media.otherChains[track.id, default: TrackChain()].take(
        segment,
        isContinuous: isNext ?? false,
        subject: subject,
        &ledger
      )
    }
  }

  private mutating func evaluate(
    _ planned: MediaState.Planned,
    _ body: Bytes,
    _ parts: [Bytes],
    _ track: HeaderTrack,
    _ header: InitHeader,
    _ initHash: Bytes,
    into ledger: inout Ledger
  ) {
    let entry = planned.entry
    for (index, (part, bytes)) in zip(entry.parts, parts).enumerated() {
      var expectation = SegmentExpectation()
      expectation.isMuxed = header.tracks.count > 1
      expectation.place = index == 0 ? .firstPart : .laterPart
      expectation.duration = (
        TrackTime(ticks: part.duration, timescale: 1_000_000), .milliseconds(1)
      )
      guard
        let media = CMAFRules.judge(
          segment: bytes,
          of: track,
          expectation,
          subject: "\(planned.subject), part \(index)",
          &ledger
        )
      else { continue }
      MediaAnswerRules.judgeIndependence(
        part,
        media,
        subject: "\(planned.subject), part \(index)",
        into: &ledger
      )
    }
    var expectation = SegmentExpectation()
    expectation.isMuxed = header.tracks.count > 1
    if let duration = entry.duration {
      expectation.duration = (
        TrackTime(ticks: duration, timescale: 1_000_000), .milliseconds(1)
      )
    }
    expectation.wallClock = planned.date
    guard
      let segment = CMAFRules.judge(
        segment: body,
        of: track,
        expectation,
        subject: planned.subject,
        &ledger
      ),
      let facts = MediaAnswerRules.facts(
        segment,
        of: track,
        entry: entry,
        date: planned.date,
        bytes: body.count,
        initHash: initHash
      )
    else { return }
    if media.fetched.count >= MediaState.maximumFacts { media.fetched.removeFirst() }
    if let url = planned.url {
      media.fetched.append(
        FetchedSegment(
          url: url,
          rendition: self.url.description,
          kind: track.kind,
          start: TrackTime(ticks: facts.start, timescale: facts.timescale),
          duration: TrackTime(ticks: facts.duration, timescale: facts.timescale),
          digest: SHA256.digest(body)
        )
      )
    }
    media.link(
      facts,
      segment,
      targetDuration: playlist?.targetDuration ?? 1,
      subject: planned.subject,
      into: &ledger
    )
  }
}
