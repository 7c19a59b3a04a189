internal import Wire

/// What a reload of a media playlist was meant to show.
enum ReloadPurpose: Equatable, Sendable {
  /// No directives.
  case plain
  /// The next part or segment.
  case blocking(Position)
  /// A position that exists or has left the playlist.
  case past(Position)
  /// A part past the last of this finished segment.
  case pastLastPart(segment: Int)
  case tooFarSegment
  /// One of the two segments after the last.
  case nextSegment(Int)
  case tooFarPart
  case partAlone
  case malformed(String)
  /// Directives in another order, among others' parameters; for a position that exists.
  case permuted(Position)
  /// Directives in another case, which are none.
  case otherCase
  case skip(String)
  /// Directives after the end.
  case afterEnd
}

/// One reload and its answer.
struct Reload: Sendable {
  var purpose: ReloadPurpose
  var exchange: Exchange
  /// What the answer holds; nil when it is no media playlist.
  var playlist: MediaPlaylist?
  /// What was known of the playlist when the request began.
  var known: MediaPlaylist
  /// What an answer "at once" may take here: half a second, and what the network takes.
  var atOnce = Interval.milliseconds(500)

  var status: Int? { exchange.response?.status }
}

/// What answers to reloads with and without directives show.
enum ReloadRules {
  static func judge(_ reload: Reload, subject: String, into ledger: inout Ledger) {
    let took = reload.exchange.duration
    let isQuick = took <= reload.atOnce
    let isWhole = reload.status == 200 && reload.playlist.map { $0.skipped == nil } == true
    let seen = reload.exchange.summary
    // Refusals have a second, whatever the network.
    let isRefused = reload.status == 400 && took <= reload.atOnce + .milliseconds(500)
    switch reload.purpose {
    case .plain: ledger.expect("HLS-069", isWhole && isQuick, subject, seen)
    case .blocking(let position): judgeBlocking(reload, position, subject, &ledger)
    case .past: ledger.expect("HLS-063", isWhole && isQuick, subject, seen)
    case .pastLastPart(let segment):
      let next = Position(number: segment + 1, part: 0)
      guard reload.status != 503 else { return }
      ledger.expect(
        "HLS-064",
        reload.status == 200 && reload.playlist?.contains(next) == true,
        subject,
        "\(seen), edge \(reload.playlist?.edge?.description ?? "none"), waited for \(next)"
      )
    case .tooFarSegment: ledger.expect("HLS-065", isRefused, subject, seen)
    case .nextSegment(let number):
      ledger.expect("HLS-065", reload.status != 400, subject, "segment \(number): \(seen)")
    case .tooFarPart: ledger.expect("HLS-066", isRefused, subject, seen)
    case .partAlone: ledger.expect("HLS-067", isRefused, subject, seen)
    case .malformed(let text):
      ledger.expect("HLS-068", isRefused, subject, "_HLS_msn=\(text): \(seen)")
    case .permuted(let position):
      ledger.expect(
        "HLS-070",
        isWhole && isQuick && reload.playlist?.contains(position) == true,
        subject,
        "in another order: \(seen)"
      )
    case .otherCase: ledger.expect("HLS-070", isWhole && isQuick, subject, "_hls_msn: \(seen)")
    case .skip(let value): judgeSkip(reload, value, subject, &ledger)
    case .afterEnd: ledger.expect("HLS-072", isWhole && isQuick, subject, seen)
    }
  }

  private static func judgeBlocking(
    _ reload: Reload,
    _ position: Position,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let took = reload.exchange.duration
    let patience = Interval.seconds(Int64(min(reload.known.targetDuration ?? 1, 3600)) * 3)
    let seen = "\(position): \(reload.exchange.summary)"
    if reload.status == 503 {
      ledger.record("HLS-071", .pass, subject, seen)
      return
    }
    let isThere = reload.playlist.map { $0.contains(position) || $0.isEnded } == true
    if reload.status == 200, isThere {
      ledger.record("HLS-061", .pass, subject, seen)
    } else if took > patience + reload.atOnce {
      ledger.record("HLS-071", .fail, subject, seen)
    } else if reload.exchange.failure != .cancelled {
      let edge = reload.playlist?.edge.map { ", edge \($0)" } ?? ""
      ledger.record("HLS-061", .fail, subject, "\(seen)\(edge)")
    }
  }

  private static func judgeSkip(
    _ reload: Reload,
    _ value: String,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let seen = "_HLS_skip=\(value): \(reload.exchange.summary)"
    guard let playlist = reload.playlist, reload.status == 200 else {
      ledger.record("HLS-073", .fail, subject, seen)
      return
    }
    guard let boundary = reload.known.serverControl?.canSkipUntil else {
      ledger.expect("HLS-073", playlist.skipped == nil, subject, "\(seen), deltas are not offered")
      return
    }
    guard isSkippable(reload.known, boundary) else {
      ledger.record("HLS-073", .notApplicable, subject, "nothing is older than the skip boundary")
      return
    }
    ledger.expect(
      "HLS-073",
      playlist.skipped != nil,
      subject,
      "\(seen), \(playlist.skipped ?? 0) segments skipped"
    )
    if value == "v2", reload.known.serverControl?.canSkipDateRanges == true {
      ledger.expect(
        "HLS-075",
        playlist.removedDateRanges != nil,
        subject,
        "\(seen), RECENTLY-REMOVED-DATERANGES is\(playlist.removedDateRanges == nil ? " not" : "") there"
      )
    } else {
      ledger.record("HLS-075", .notApplicable, subject, "deltas of date ranges are not offered")
    }
  }

  /// Whether the oldest segment will be behind the boundary whatever comes next.
  static func isSkippable(_ playlist: MediaPlaylist, _ boundary: Int64) -> Bool {
    guard let target = playlist.targetDuration else { return false }
    let behind = playlist.segments.dropFirst(2)
    let length = behind.reduce(Int64(0)) { $0 + ($1.duration ?? $1.partsDuration) }
    return length >= boundary + Int64(target) * 1_000_000
  }

  /// Judges many equal reloads at once, of which some were given up: the rest must be answered
  /// alike.
  static func judgeCrowd(_ crowd: [Exchange], subject: String, into ledger: inout Ledger) {
    let staying = crowd.filter { $0.failure != .cancelled }
    let answers = staying.map { $0.response?.status == 200 ? $0.response?.body : nil }
    guard let first = answers.first else { return }
    let isAlike = first != nil && answers.allSatisfy { $0 == first }
    ledger.expect(
      "HLS-078",
      isAlike,
      subject,
      "\(answers.count { $0 != nil }) of \(answers.count) answered,"
        + " \(isAlike ? "all alike" : "not all alike"), \(crowd.count - staying.count) given up"
    )
  }

  /// Judges the compression of a playlist by two answers, one to a client that takes gzip.
  static func judgeCompression(
    accepting: Response,
    refusing: Response,
    subject: String,
    into ledger: inout Ledger
  ) {
    let coding = accepting.list("Content-Encoding")
    let bare = refusing.list("Content-Encoding")
    let varies =
      accepting.list("Vary").contains { $0 == "accept-encoding" || $0 == "*" }
      && refusing.list("Vary").contains { $0 == "accept-encoding" || $0 == "*" }
    ledger.expect(
      "HLS-080",
      coding == ["gzip"] && (bare.isEmpty || bare == ["identity"]) && varies,
      subject,
      "codings \(coding) and \(bare), Vary \(accepting.header("Vary") ?? "absent")"
    )
  }
}
