import Testing
import Wire

@testable import Conformance

/// The rules on answers to reloads.
@Suite struct ReloadRuleTests {
  static func judge(
    _ purpose: ReloadPurpose,
    _ exchange: Exchange,
    _ playlist: MediaPlaylist? = Samples.playlist,
    known: MediaPlaylist = Samples.playlist
  ) -> [String] {
    failures {
      ReloadRules.judge(
        Reload(purpose: purpose, exchange: exchange, playlist: playlist, known: known),
        subject: "s",
        into: &$0
      )
    }
  }

  static let next = Position(number: 560, part: 2)
  static let there = Position(number: 559, part: 1)

  static var delta: MediaPlaylist {
    var delta = Samples.playlist
    delta.skipped = 450
    delta.segments.removeFirst(450)
    return delta
  }

  static var timedOut: Exchange {
    var exchange = Samples.exchange(after: 20_000)
    exchange.responses = []
    exchange.failure = .timedOut
    return exchange
  }

  @Test func `answers as they should be violate nothing`() {
    #expect(Self.judge(.plain, Samples.exchange()) == [])
    #expect(Self.judge(.blocking(Self.next), Samples.exchange(after: 500), Samples.later) == [])
    #expect(Self.judge(.blocking(Self.next), Samples.exchange(503, after: 6000), nil) == [])
    #expect(Self.judge(.past(Self.there), Samples.exchange()) == [])
    #expect(Self.judge(.pastLastPart(segment: 558), Samples.exchange(after: 500)) == [])
    #expect(Self.judge(.tooFarSegment, Samples.exchange(400), nil) == [])
    #expect(Self.judge(.nextSegment(560), Samples.exchange(after: 900), Samples.later) == [])
    #expect(Self.judge(.tooFarPart, Samples.exchange(400), nil) == [])
    #expect(Self.judge(.partAlone, Samples.exchange(400), nil) == [])
    #expect(Self.judge(.malformed("abc"), Samples.exchange(400), nil) == [])
    #expect(Self.judge(.permuted(Self.there), Samples.exchange()) == [])
    #expect(Self.judge(.otherCase, Samples.exchange()) == [])
    #expect(Self.judge(.skip("YES"), Samples.exchange(), Self.delta) == [])
    #expect(Self.judge(.afterEnd, Samples.exchange()) == [])
  }

  static let wrong:
    [(numbers: [String], purpose: ReloadPurpose, exchange: Exchange, playlist: MediaPlaylist?)] = [
      (["HLS-061"], .blocking(next), Samples.exchange(), Samples.playlist),
      (["HLS-061"], .blocking(next), Samples.exchange(400), nil),
      (["HLS-063"], .past(there), Samples.exchange(after: 900), Samples.playlist),
      (["HLS-063"], .past(there), Samples.exchange(), delta),
      (["HLS-064"], .pastLastPart(segment: 560), Samples.exchange(), Samples.playlist),
      (["HLS-064"], .pastLastPart(segment: 558), Samples.exchange(400), nil),
      (["HLS-065"], .tooFarSegment, Samples.exchange(), Samples.playlist),
      (["HLS-065"], .tooFarSegment, Samples.exchange(400, after: 1500), nil),
      (["HLS-065"], .nextSegment(560), Samples.exchange(400), nil),
      (["HLS-066"], .tooFarPart, timedOut, nil),
      (["HLS-067"], .partAlone, Samples.exchange(), Samples.playlist),
      (["HLS-068"], .malformed("abc"), Samples.exchange(500), nil),
      (["HLS-069"], .plain, Samples.exchange(after: 900), Samples.playlist),
      (["HLS-069"], .plain, Samples.exchange(), delta),
      (["HLS-070"], .permuted(there), Samples.exchange(400), nil),
      (["HLS-070"], .otherCase, Samples.exchange(400), nil),
      (["HLS-071"], .blocking(next), timedOut, nil),
      (["HLS-071"], .blocking(next), Samples.exchange(after: 7000), Samples.playlist),
      (["HLS-072"], .afterEnd, Samples.exchange(400), nil),
      (["HLS-073"], .skip("YES"), Samples.exchange(), Samples.playlist),
      (["HLS-073"], .skip("YES"), Samples.exchange(400), nil),
    ]

  @Test(arguments: wrong.indices)
  func `a wrong answer fails its number`(_ index: Int) {
    let row = Self.wrong[index]
    #expect(Self.judge(row.purpose, row.exchange, row.playlist) == row.numbers)
  }

  @Test func `deltas where none are offered fail`() {
    var known = Samples.playlist
    known.serverControl?.canSkipUntil = nil
    let failed = Self.judge(.skip("YES"), Samples.exchange(), Self.delta, known: known)
    #expect(failed == ["HLS-073"])
  }

  @Test func `deltas of date ranges name the removed ones`() {
    var known = Samples.playlist
    known.serverControl?.canSkipDateRanges = true
    #expect(
      Self.judge(.skip("v2"), Samples.exchange(), Self.delta, known: known) == ["HLS-075"]
    )
    var delta = Self.delta
    delta.removedDateRanges = []
    #expect(Self.judge(.skip("v2"), Samples.exchange(), delta, known: known) == [])
  }

  @Test func `a delta merged into the last copy is the whole`() throws {
    let merged = try #require(Self.delta.merged(onto: Samples.playlist))
    func judge(_ full: MediaPlaylist) -> [String] {
      failures { DeltaRules.judge(merged: merged, full: full, subject: "s", into: &$0) }
    }
    #expect(judge(Samples.playlist) == [])
    let edits: [(inout MediaPlaylist) -> Void] = [
      { $0.mediaSequence = 101 }, { $0.segments[300].uri = "other.m4s" },
      { $0.segments.remove(at: 300) }, { $0.discontinuitySequence = 1 }, { $0.hints = [] },
      { $0.segments[455].discontinuity = 9 },
    ]
    for edit in edits {
      var full = Samples.playlist
      edit(&full)
      #expect(judge(full) == ["HLS-074"])
    }
  }

  @Test func `a delta may only skip what is older than the boundary and was listed`() {
    func judge(_ skipped: Int, _ whole: MediaPlaylist?) -> [String] {
      var delta = Samples.playlist
      delta.skipped = skipped
      return failures {
        DeltaRules.judgeBoundary(delta, whole: whole, subject: "s", into: &$0)
      }
    }
    #expect(judge(450, Samples.playlist) == [])
    #expect(judge(457, Samples.playlist) == ["HLS-074"])
    #expect(judge(450, nil) == ["HLS-074"])
  }

  @Test func `a crowd is answered alike, whoever leaves`() {
    var left = Samples.exchange()
    left.responses = []
    left.failure = .cancelled
    let stay = Samples.exchange(body: "a")
    func judge(_ crowd: [Exchange]) -> [String] {
      failures { ReloadRules.judgeCrowd(crowd, subject: "s", into: &$0) }
    }
    #expect(judge([stay, left, stay]) == [])
    #expect(judge([stay, left, Samples.exchange(body: "b")]) == ["HLS-078"])
    #expect(judge([stay, left, Samples.exchange(500)]) == ["HLS-078"])
  }

  @Test func `compression is negotiated`() {
    func judge(_ accepting: [(String, String)], _ refusing: [(String, String)]) -> [String] {
      failures { ledger in
        guard let first = Samples.exchange(200, accepting).response,
          let second = Samples.exchange(200, refusing).response
        else { return }
        ReloadRules.judgeCompression(
          accepting: first,
          refusing: second,
          subject: "s",
          into: &ledger
        )
      }
    }
    let vary = ("Vary", "Accept-Encoding")
    let gzip = ("Content-Encoding", "gzip")
    #expect(judge([vary, gzip], [vary]) == [])
    #expect(judge([vary], [vary]) == ["HLS-080"])
    #expect(judge([vary, gzip], [vary, gzip]) == ["HLS-080"])
    #expect(judge([gzip], [vary]) == ["HLS-080"])
  }
}
