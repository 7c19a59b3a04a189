import MoQ
import Packaging
import Testing
import Wire

@testable import Egress

/// Subscriptions that are refused, or not answered at all.
@Suite struct UpstreamAnswerTests {
  private let first = "moqt://first:1/"
  private let second = "moqt://second:1/"

  private func started(
    _ change: (inout Configuration.Upstream) -> Void = { _ in }
  ) throws -> ScriptedUpstreams {
    let upstreams = try ScriptedUpstreams(first, second) { change(&$0) }
    upstreams.start()
    try upstreams.sendCatalog(first)
    return upstreams
  }

  private func count(_ name: String, _ upstreams: ScriptedUpstreams) throws -> Int {
    try upstreams.source(first).asked.filter { $0 == name }.count
  }

  @Test func `media that nobody answers for is looked for elsewhere`() throws {
    let upstreams = try started { $0.answerTimeout = .seconds(3) }
    upstreams.advance(.milliseconds(2900))
    #expect(upstreams.opened == [first])
    upstreams.advance(.milliseconds(200))
    #expect(upstreams.opened == [first, second])
    #expect(upstreams.logs.contains { $0.contains("no answer within 3.0 s") })
    try upstreams.join(second)
    try upstreams.play(.seconds(5), second)
    #expect(upstreams.snapshot != nil)
  }

  @Test func `a track that is not answered is asked for again, and the others go on`() throws {
    let upstreams = try started { $0.answerTimeout = .seconds(3) }
    try upstreams.accept("video", first)
    let unanswered = try #require(try upstreams.source(first).subscription("audio"))
    try upstreams.play(.milliseconds(3400), first)
    #expect(try count("audio", upstreams) == 2)
    #expect(try upstreams.source(first).subscription("audio") != unanswered)
    #expect(upstreams.opened == [first])
    try upstreams.accept("audio", first)
    try upstreams.play(.seconds(6), first)
    #expect(try count("audio", upstreams) == 2)
    #expect(upstreams.snapshot?.renditions.count == 2)
  }

  @Test func `a track that may be had later is asked for then`() throws {
    let upstreams = try started()
    try upstreams.accept("video", first)
    try upstreams.refuse("audio", first, after: .milliseconds(900))
    upstreams.advance(.milliseconds(880))
    #expect(try count("audio", upstreams) == 1)
    upstreams.advance(.milliseconds(40))
    #expect(try count("audio", upstreams) == 2)
    try upstreams.accept("audio", first)
    upstreams.advance(.seconds(20))
    #expect(try count("audio", upstreams) == 2)
    #expect(try count("video", upstreams) == 1)
    #expect(upstreams.opened == [first])
  }

  @Test func `a track that is refused for good is asked for seldom`() throws {
    let upstreams = try started { $0.answerTimeout = .seconds(120) }
    try upstreams.accept("video", first)
    for _ in 0..<10 {
      if try upstreams.source(first).subscription("audio") != nil {
        try upstreams.refuse("audio", first)
      }
      upstreams.advance(.seconds(6))
    }
    #expect((5...10).contains(try count("audio", upstreams)))
    #expect(upstreams.logs.filter { $0.contains("track audio was refused") }.count == 1)
    #expect(upstreams.opened == [first])
    // A day is as good as no interval.
    if try upstreams.source(first).subscription("audio") == nil {
      upstreams.advance(.seconds(9))
    }
    let before = try count("audio", upstreams)
    try upstreams.refuse("audio", first, after: .seconds(86_400))
    upstreams.advance(.seconds(61))
    #expect(try count("audio", upstreams) == before + 1)
  }

  @Test func `an upstream that wants to be left alone for a while is`() throws {
    let upstreams = try ScriptedUpstreams(first)
    upstreams.start()
    try upstreams.sendCatalog(first)
    for name in ["video", "audio"] { try upstreams.refuse(name, first, after: .seconds(3)) }
    #expect(upstreams.open.isEmpty)
    upstreams.advance(.milliseconds(2900))
    #expect(upstreams.opened == [first])
    upstreams.advance(.milliseconds(200))
    #expect(upstreams.opened == [first, first])
    try upstreams.refuse("catalog", first, after: .seconds(3))
    for name in ["catalog.json", ".catalog", "catalog", "catalog.json", ".catalog"] {
      try upstreams.refuse(name, first)
    }
    upstreams.advance(.milliseconds(2900))
    #expect(upstreams.opened == [first, first])
    upstreams.advance(.milliseconds(200))
    #expect(upstreams.opened == [first, first, first])
  }

  @Test func `a catalog's subscription that ends before the broadcast is made again`() throws {
    let upstreams = try started()
    for name in ["video", "audio"] { try upstreams.accept(name, first) }
    try upstreams.end("catalog", first, .expired)
    upstreams.advance(.seconds(1))
    #expect(try count("catalog", upstreams) == 2)
    // A refusal does not end it.
    try upstreams.refuse("catalog", first)
    upstreams.advance(.seconds(2))
    #expect(try count("catalog", upstreams) == 3)
    try upstreams.sendCatalog(first)
    #expect(try count("video", upstreams) == 1)
    try upstreams.end("catalog", first, .trackEnded)
    upstreams.advance(.seconds(10))
    #expect(try count("catalog", upstreams) == 3)
    #expect(upstreams.opened == [first])
  }

  @Test func `what prevents a session is told before there has been one, and anew`() throws {
    let upstreams = try ScriptedUpstreams("moqt://first:1/")
    upstreams.onOpen = { _, _, _ in }
    upstreams.start()
    for reason in ["no route", "not trusted"] {
      let id = try #require(upstreams.open.keys.first)
      upstreams.core.lose(id, reason, now: upstreams.now)
      #expect(upstreams.core.report().broadcasts.map(\.lastError) == [reason])
      upstreams.advance(.seconds(9))
    }
  }
}
