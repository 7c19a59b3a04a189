internal import Wire

extension RenditionTracker {
  /// Sends the next reload of the chain: a blocking one where that is offered.
  mutating func sendReload() {
    reloads += 1
    guard let playlist, !playlist.isEnded, playlist.serverControl?.canBlockReload == true,
      let next = playlist.next, failures == 0
    else {
      want(.reload(.plain, known: playlist ?? MediaPlaylist(), isChain: true), query: nil)
      return
    }
    let acceptsGzip = reloads % 2 == 0
    if next.part == 0, next.number % 2 == 1, let last = playlist.segments.last,
      last.duration != nil, !last.parts.isEmpty
    {
      want(
        .reload(.pastLastPart(segment: last.number), known: playlist, isChain: true),
        query: "_HLS_msn=\(last.number)&_HLS_part=\(last.parts.count)",
        timeout: patience,
        acceptsGzip: acceptsGzip
      )
      return
    }
    let query = Self.query(next)
    let takesDelta = playlist.serverControl?.canSkipUntil != nil && reloads % 4 == 1
    if takesDelta, pair == nil {
      pair = (next, nil, nil)
      want(.twin(next), query: query, timeout: patience, acceptsGzip: acceptsGzip)
    }
    want(
      .reload(.blocking(next), known: playlist, isChain: true),
      query: takesDelta ? "\(query)&_HLS_skip=YES" : query,
      timeout: patience,
      acceptsGzip: acceptsGzip
    )
  }

  static func query(_ position: Position) -> String {
    "_HLS_msn=\(position.number)" + (position.part.map { "&_HLS_part=\($0)" } ?? "")
  }

  /// A media playlist that a response holds, with all that is wrong with it; nil when it is none.
  static func read(_ exchange: Exchange) -> (playlist: MediaPlaylist, complaints: [Complaint])? {
    guard let response = exchange.response, response.status == 200,
      let bytes = response.decodedBody
    else { return nil }
    let text = PlaylistText(bytes)
    guard text.kind == .media else { return nil }
    let reader = MediaPlaylistReader(text)
    return (reader.playlist, text.complaints + reader.complaints)
  }

  /// Takes the answer to a reload.
  mutating func receive(
    _ purpose: ReloadPurpose,
    known: MediaPlaylist,
    isChain: Bool,
    _ exchange: Exchange,
    into ledger: inout Ledger
  ) {
    let read = Self.read(exchange)
    if !hasLatency, read != nil {
      // Twice what the first answer took, so that far servers are not judged by the way to them.
      atOnce = atOnce + min(exchange.duration, .seconds(2)) * 2
      hasLatency = true
    } else if !isMooted(purpose, known, exchange) {
      var reload = Reload(
        purpose: purpose,
        exchange: exchange,
        playlist: read?.playlist,
        known: known
      )
      reload.atOnce = atOnce
      ReloadRules.judge(reload, subject: subject, into: &ledger)
    }
    var merged: MediaPlaylist?
    if let raw = read?.playlist {
      SnapshotRules.judgeVersion(raw, subject: subject, into: &ledger)
      merged = raw.skipped == nil ? raw : playlist.flatMap { raw.merged(onto: $0) }
      if playlist != nil {
        DeltaRules.judgeBoundary(raw, whole: merged, subject: subject, into: &ledger)
      }
    }
    guard isChain else { return }
    if let pair, case .blocking(pair.position) = purpose {
      self.pair?.merged = merged
      if merged == nil || read?.playlist.skipped == nil { self.pair = nil }
      judgePair(into: &ledger)
    }
    continueChain(purpose, merged, read?.complaints ?? [], exchange, into: &ledger)
  }

  /// Whether a refusal that did not come may be because the stream went on or ended meanwhile.
  private func isMooted(
    _ purpose: ReloadPurpose,
    _ known: MediaPlaylist,
    _ exchange: Exchange
  ) -> Bool {
    if Self.read(exchange)?.playlist.isEnded == true, !known.isEnded {
      // Directives mean nothing any more.
      switch purpose {
      case .plain, .blocking, .afterEnd: return false
      default: return true
      }
    }
    guard purpose == .tooFarSegment || purpose == .tooFarPart else { return false }
    let last = Self.read(exchange)?.playlist.segments.last ?? playlist?.segments.last
    return exchange.response?.status != 400 && last?.number != known.segments.last?.number
  }

  private mutating func continueChain(
    _ purpose: ReloadPurpose,
    _ merged: MediaPlaylist?,
    _ complaints: [Complaint],
    _ exchange: Exchange,
    into ledger: inout Ledger
  ) {
    let now = exchange.ended
    guard let merged else {
      failures += 1
      if failures >= Self.maximumFailures {
        isGivenUp = true
        ledger.record("HLS-005", .fail, subject, "no media playlist: \(exchange.summary)")
      }
      reloadTime = now + Self.pause
      return
    }
    failures = 0
    ledger.record("HLS-005", .pass, subject, "a media playlist")
    let before = playlist?.edge
    accept(merged, complaints: complaints, exchange: exchange, into: &ledger)
    launchProbe(now: now)
    if merged.isEnded {
      // What ended does not change; ask now and then whether that is so.
      reloadTime = now + .seconds(2)
    } else if merged.serverControl?.canBlockReload == true {
      // A server that answers without news is not to be asked in a tight circle.
      reloadTime = before == merged.edge ? now + Self.pause : now
    } else {
      let target = Interval.milliseconds(Int64(merged.targetDuration ?? 2) * 1000)
      reloadTime = now + .milliseconds(max(200, target.milliseconds / 2))
    }
  }

  /// Takes the whole playlist of a position whose delta is asked for too.
  mutating func receiveTwin(
    _ position: Position,
    _ exchange: Exchange,
    into ledger: inout Ledger
  ) {
    guard pair?.position == position else { return }
    guard let full = Self.read(exchange)?.playlist, full.skipped == nil else {
      pair = nil
      return
    }
    pair?.full = full
    judgePair(into: &ledger)
  }

  private mutating func judgePair(into ledger: inout Ledger) {
    guard let merged = pair?.merged, let full = pair?.full else { return }
    DeltaRules.judge(merged: merged, full: full, subject: subject, into: &ledger)
    pair = nil
  }
}
