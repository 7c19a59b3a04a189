package import Wire

/// Judges files by themselves, without a server: what every reader of bytes is tried with.
package enum Offline {
  private static let url: WebURL = {
    guard let url = WebURL("http://origin.example/live/media.m3u8") else {
      preconditionFailure("the text is a URL")
    }
    return url
  }()

  /// Watches a media playlist whose copies come one second apart, and judges all that shows.
  package static func judge(playlists: [Bytes]) -> Ledger {
    var ledger = Ledger()
    var tracker = RenditionTracker(url: url, name: "media playlist", isProbed: true)
    for (second, text) in playlists.enumerated() {
      let exchange = answer(text, Int64(second))
      tracker.receive(
        .plain,
        known: tracker.playlist ?? MediaPlaylist(),
        isChain: true,
        exchange,
        into: &ledger
      )
      tracker.handleTimeout(now: exchange.ended)
      tracker.wanted = []
      let multivariant = PlaylistText(text)
      MultivariantRules.judge(
        MultivariantPlaylist(multivariant),
        complaints: multivariant.complaints,
        subject: url.description,
        into: &ledger
      )
    }
    tracker.finish(
      others: [url: tracker.history],
      largestPartTarget: tracker.playlist?.partTarget ?? 0,
      outages: Outages(),
      now: Instant(nanoseconds: Int64(playlists.count + 1) * 1_000_000_000),
      into: &ledger
    )
    return ledger
  }

  /// Takes MPDs that come one second apart, and judges all that shows.
  package static func judge(manifests: [Bytes]) -> Ledger {
    var ledger = Ledger()
    var session = DASHSession(url, now: Instant(nanoseconds: 0), utc: UTCTime(microseconds: 0))
    for (second, text) in manifests.enumerated() {
      let exchange = answer(text, Int64(second))
      for order in session.orders(now: exchange.begun) where order.resource == .manifest {
        session.take(exchange, for: order.identifier, &ledger)
      }
    }
    session.settleAll(&ledger)
    session.finish(outages: Outages(), &ledger)
    return ledger
  }

  /// Reads an init segment and what follows it, and judges all that shows.
  package static func judge(header: Bytes, segment: Bytes) -> Ledger {
    var ledger = Ledger()
    guard let read = CMAFRules.judge(header: header, subject: "header", &ledger) else {
      return ledger
    }
    var chain = TrackChain()
    chain.take(read, subject: "header", &ledger)
    for track in read.tracks {
      guard
        let media = CMAFRules.judge(
          segment: segment,
          of: track,
          SegmentExpectation(),
          subject: "segment",
          &ledger
        )
      else { continue }
      chain.take(media, isContinuous: false, subject: "segment", &ledger)
    }
    return ledger
  }

  private static func answer(_ body: Bytes, _ second: Int64) -> Exchange {
    let time = Instant(nanoseconds: second * 1_000_000_000)
    var exchange = Exchange(
      request: Request(url),
      begun: time,
      begunUTC: UTCTime(microseconds: 1_795_000_000_000_000 + second * 1_000_000)
    )
    var response = Response(status: 200)
    response.body = body
    response.framing = .length(body.count)
    response.headTime = time
    response.endTime = time
    exchange.responses = [response]
    exchange.ended = time
    return exchange
  }
}
