internal import Wire

/// One thing to try on a media playlist beside playing it.
enum Probe: Equatable, Sendable {
  case plain
  case compression
  case past(fromEdge: Int)
  /// Segments after the last that is listed.
  case tooFar(Int)
  case next(Int)
  case tooFarPart
  /// The part after the last of a whole segment.
  case pastLastPart
  case partAlone
  case malformed(String)
  case permuted
  case otherCase
  case skip(String)
  case crowd
  case afterEnd

  /// What is tried where reloads can block, in this order.
  static let blocking: [Probe] =
    [
      .plain, .compression, .past(fromEdge: .max), .past(fromEdge: 1), .tooFar(3), .tooFar(1000),
      .partAlone, .pastLastPart, .next(1), .tooFarPart, .permuted, .otherCase, .skip("YES"),
      .skip("v2"), .crowd,
      .next(2),
    ] + ["abc", "-1", "1.5", "", String(repeating: "9", count: 30)].map { .malformed($0) }

  /// What is tried elsewhere.
  static let polling: [Probe] = [.plain, .compression, .skip("YES"), .otherCase]
  /// What is tried on the playlists that are not looked at so closely.
  static let short: [Probe] = [.plain, .skip("YES")]
}

extension RenditionTracker {
  /// How many ask the same at once, and how many of them leave early.
  static let crowdMembers = 20
  static let crowdLeavers = 5

  /// Starts the next probe, after a reload of the chain.
  mutating func launchProbe(now: Instant) {
    guard let playlist else { return }
    if reloads == 1 {
      let isBlocking = playlist.serverControl?.canBlockReload == true
      probes = isProbed ? (isBlocking ? Probe.blocking : Probe.polling) : Probe.short
    }
    if playlist.isEnded, !hasEnded {
      // What a playlist that grows has to do is over.
      hasEnded = true
      probes = [.plain, .compression, .afterEnd]
    }
    guard reloads >= 3 || playlist.isEnded, !probes.isEmpty else { return }
    launch(probes.removeFirst(), playlist)
  }

  private mutating func launch(_ probe: Probe, _ playlist: MediaPlaylist) {
    guard let last = playlist.segments.last, let first = playlist.segments.first else { return }
    switch probe {
    case .plain: ask(.plain, nil, playlist)
    case .compression:
      want(.compression(accepting: true), query: nil)
      want(.compression(accepting: false), query: nil, acceptsGzip: false)
    case .past(let back):
      let number = back == .max ? 0 : max(first.number, last.number - back)
      ask(.past(Position(number: number)), "_HLS_msn=\(number)", playlist)
    case .tooFar(let count): ask(.tooFarSegment, "_HLS_msn=\(last.number + count)", playlist)
    case .next(let count):
      guard let whole = playlist.wholeSegments.last?.number else { return }
      let number = whole + count
      ask(.nextSegment(number), "_HLS_msn=\(number)", playlist, timeout: patience)
    case .tooFarPart: launchTooFarPart(playlist)
    case .pastLastPart:
      guard let whole = playlist.wholeSegments.last, !whole.parts.isEmpty else { return }
      let query = "_HLS_msn=\(whole.number)&_HLS_part=\(whole.parts.count)"
      ask(.pastLastPart(segment: whole.number), query, playlist, timeout: patience)
    case .partAlone: ask(.partAlone, "_HLS_part=0", playlist)
    case .malformed(let text): ask(.malformed(text), "_HLS_msn=\(text)", playlist)
    case .permuted:
      let position = Position(number: max(first.number, last.number - 1), part: 0)
      let query = "token=a%26b&_HLS_part=0&CMCD=br%3D1&_HLS_msn=\(position.number)"
      ask(.permuted(position), query, playlist)
    case .otherCase: ask(.otherCase, "_hls_msn=\(last.number + 1000)", playlist)
    case .skip(let value):
      if let boundary = playlist.serverControl?.canSkipUntil,
        !ReloadRules.isSkippable(playlist, boundary)
      {
        // Later, when there is more to skip.
        probes.append(probe)
        return
      }
      ask(.skip(value), "_HLS_skip=\(value)", playlist)
    case .crowd: launchCrowd(playlist)
    case .afterEnd: ask(.afterEnd, "_HLS_msn=\(last.number + 1000)&_HLS_part=0", playlist)
    }
  }

  private mutating func ask(
    _ purpose: ReloadPurpose,
    _ query: String?,
    _ known: MediaPlaylist,
    timeout: Interval = .seconds(5)
  ) {
    want(.reload(purpose, known: known, isChain: false), query: query, timeout: timeout)
  }

  /// A part of the open segment that is further ahead than the advance part limit allows.
  private mutating func launchTooFarPart(_ playlist: MediaPlaylist) {
    guard let target = playlist.partTarget, target > 0 else { return }
    let most = playlist.segments.map(\.parts.count).max() ?? 0
    guard let open = playlist.openSegment, open.parts.count * 2 <= most else {
      // Only an open segment tells a far part from the next segment's first; wait for one that does
      // not end soon.
      probes.append(.tooFarPart)
      return
    }
    let limit = target < 1_000_000 ? Int((3_000_000 + target - 1) / target) : 3
    let part = open.parts.count + limit + most + 2
    ask(.tooFarPart, "_HLS_msn=\(open.number)&_HLS_part=\(part)", playlist)
  }

  /// Many equal requests for a part that is not there yet, each on its own connection.
  private mutating func launchCrowd(_ playlist: MediaPlaylist) {
    guard let next = playlist.next else { return }
    crowd = []
    crowdSize = Self.crowdMembers
    for index in 0..<Self.crowdMembers {
      // Those who leave give up after a moment.
      let leaves = index < Self.crowdLeavers
      want(
        .crowd,
        query: Self.query(next),
        timeout: leaves ? .milliseconds(40) : patience,
        isAlone: true
      )
    }
  }

  /// Takes one answer of the crowd; judges them when all are there.
  mutating func receiveCrowd(_ exchange: Exchange, into ledger: inout Ledger) {
    var exchange = exchange
    if exchange.request.timeout < .seconds(1), exchange.failure == .timedOut {
      exchange.failure = .cancelled
    }
    crowd.append(exchange)
    guard crowd.count == crowdSize else { return }
    ReloadRules.judgeCrowd(crowd, subject: subject, into: &ledger)
    crowd = []
  }

  /// Takes one of the answers with and without compression; judges them when both are there.
  mutating func receiveCompression(
    accepting: Bool,
    _ exchange: Exchange,
    into ledger: inout Ledger
  ) {
    guard let response = exchange.response else { return }
    if accepting { compressed.accepting = response } else { compressed.refusing = response }
    guard let first = compressed.accepting, let second = compressed.refusing else { return }
    ReloadRules.judgeCompression(
      accepting: first,
      refusing: second,
      subject: subject,
      into: &ledger
    )
    HTTPRules.judgeCodings(first, second, subject: subject, into: &ledger)
  }
}
