import MoQ
import Packaging
import Testing
import Wire

@testable import Egress

/// What one of several upstreams says of a broadcast's end, and who has what is missing.
@Suite struct UpstreamEndTests {
  private let first = "moqt://first:1/"
  private let second = "moqt://second:1/"

  /// Two upstreams that deliver a broadcast for a while.
  private func both() throws -> ScriptedUpstreams {
    let upstreams = try ScriptedUpstreams(first, second) { $0.live = 2 }
    upstreams.start()
    for url in [first, second] { try upstreams.join(url) }
    try upstreams.play(.seconds(5), first, second)
    #expect(upstreams.snapshot?.isEnded == false)
    return upstreams
  }

  private func edge(_ upstreams: ScriptedUpstreams) throws -> Int64 {
    try #require(upstreams.snapshot?.renditions[0].segments.last?.end)
  }

  @Test func `what ends on one upstream goes on with the other`() throws {
    let upstreams = try both()
    for name in ["video", "audio"] { try upstreams.end(name, first) }
    #expect(upstreams.snapshot?.isEnded == false)
    let before = try edge(upstreams)
    try upstreams.play(.milliseconds(1200), second)
    #expect(try edge(upstreams) > before)
    #expect(upstreams.core.report().broadcasts[0].phase == .live)
    // Whoever has lost it is asked again.
    try upstreams.play(.seconds(3), second)
    #expect(upstreams.opened == [first, second, first])
    #expect(upstreams.logs.contains { $0.contains("upstream \(first): track video ended here") })
    try upstreams.join(first)
    try upstreams.play(.seconds(1), first, second)
    #expect(upstreams.core.report().broadcasts[0].legs == 2)
  }

  @Test(arguments: [false, true])
  func `the end of a track that the catalog has no more is no failure of who tells it first`(
    _ isToldAgain: Bool
  ) throws {
    let upstreams = try both()
    var catalog = upstreams.broadcast.catalog(generatedAt: upstreams.utc)
    let whole = catalog
    catalog.tracks.removeAll { $0.name == "audio" }
    try upstreams.end("audio", first)
    try upstreams.play(.seconds(1), first, second)
    for url in [first, second] { try upstreams.sendCatalog(catalog, url) }
    try upstreams.play(.milliseconds(1500), first, second)
    #expect(upstreams.opened == [first, second])
    // It is there again after all: who says so is asked for it, who says nothing has lost it.
    for url in isToldAgain ? [first, second] : [second] { try upstreams.sendCatalog(whole, url) }
    #expect(try upstreams.source(first).asked.count { $0 == "audio" } == (isToldAgain ? 2 : 1))
    try upstreams.play(.seconds(2), second)
    #expect(upstreams.opened == [first, second] + (isToldAgain ? [] : [first]))
  }

  @Test func `a broadcast ends when its tracks have on every upstream`() throws {
    let upstreams = try both()
    for (name, url) in [("video", first), ("audio", first), ("audio", second)] {
      try upstreams.end(name, url)
      #expect(upstreams.snapshot?.isEnded == false)
    }
    try upstreams.end("video", second)
    #expect(upstreams.snapshot?.isEnded == true)
    upstreams.advance(.seconds(5))
    #expect(upstreams.opened == [first, second])
  }

  @Test(arguments: [false, true])
  func `a broadcast that begins again after its end is found, what relays keep of the old is not`(
    _ isCatalogFirst: Bool
  ) throws {
    let upstreams = try ScriptedUpstreams(first)
    upstreams.start()
    try upstreams.join(first)
    try upstreams.play(.seconds(5), first)
    for name in isCatalogFirst ? ["catalog", "video", "audio"] : ["video", "audio", "catalog"] {
      try upstreams.end(name, first)
    }
    #expect(upstreams.snapshot?.isEnded == true)
    for count in 2...4 {
      let end = upstreams.now + .seconds(31)
      while try upstreams.source(first).subscription("catalog") == nil, upstreams.now < end {
        upstreams.advance(.milliseconds(100))
      }
      #expect(try upstreams.source(first).asked.count { $0 == "catalog" } == count)
      try upstreams.sendCatalog(first)
      if count < 4 { try upstreams.end("catalog", first) }
    }
    #expect(try upstreams.source(first).asked.count { $0 == "video" } == 1)
    #expect(upstreams.snapshot?.isEnded == true)

    try upstreams.sendCatalog(upstreams.broadcast.catalog(generatedAt: upstreams.utc), first)
    #expect(try upstreams.source(first).asked.count { $0 == "video" } == 2)
    for name in ["video", "audio"] { try upstreams.accept(name, first) }
    try upstreams.play(.seconds(8), first)
    #expect(upstreams.snapshot?.isEnded == false)
    #expect(upstreams.opened == [first])
  }

  @Test func `a connection that is lost is no end`() throws {
    let upstreams = try both()
    for name in ["video", "audio"] { try upstreams.end(name, first) }
    try upstreams.lose(second)
    #expect(upstreams.snapshot?.isEnded == false)
    upstreams.advance(.milliseconds(400))
    try upstreams.join(second)
    try upstreams.play(.seconds(2), second)
    #expect(upstreams.snapshot?.isEnded == false)
    #expect(upstreams.core.report().broadcasts[0].phase == .live)
  }

  @Test func `who says that it is over is believed when no other has it`() throws {
    let upstreams = try both()
    for name in ["video", "audio"] { try upstreams.end(name, first) }
    try upstreams.lose(second)
    upstreams.advance(.milliseconds(400))
    try upstreams.sendCatalog(second)
    for name in ["video", "audio"] {
      #expect(upstreams.snapshot?.isEnded == false)
      try upstreams.refuse(name, second)
    }
    #expect(upstreams.snapshot?.isEnded == true)
    upstreams.advance(.seconds(20))
    #expect(upstreams.opened == [first, second, second])
  }

  @Test func `what still comes of an ended broadcast is not taken for the next one's`() throws {
    let upstreams = try ScriptedUpstreams(first)
    upstreams.start()
    try upstreams.join(first)
    try upstreams.play(.seconds(3), first)
    let audio = try #require(try upstreams.source(first).subscription("audio"))
    let object = try #require(upstreams.published("audio").last)
    var catalog = Catalog()
    catalog.isComplete = true
    try upstreams.sendCatalog(catalog, first)
    upstreams.advance(.milliseconds(2100))
    #expect(upstreams.snapshot?.isEnded == true)
    catalog = upstreams.broadcast.catalog(generatedAt: upstreams.utc)
    catalog.tracks.removeAll { $0.name == "audio" }
    try upstreams.sendCatalog(catalog, first)
    try upstreams.send(.object(audio, object), first)
    #expect(upstreams.core.report().broadcasts[0].tracks.map(\.name) == ["video"])
    #expect(try upstreams.source(first).asked == ["catalog", "video", "audio", "video"])
  }

  // MARK: Repair

  private let refusal = FetchOutcome(
    end: .failed(RequestFailure(meaning: .notSupported, reason: "no FETCH"))
  )

  /// Loses one object of the video on both upstreams, and waits until it is asked for.
  private func hole(_ upstreams: ScriptedUpstreams) throws -> Object {
    var lost: Object?
    try upstreams.play(.milliseconds(400), first, second) { object, name in
      guard name == "video", object.id > 2, object.id < 40 else { return false }
      if lost == nil { lost = object }
      return object.location == lost?.location
    }
    // The stream that would bring it is over.
    let object = try #require(lost)
    for url in [first, second] {
      let id = try #require(try upstreams.source(url).subscription("video"))
      try upstreams.send(
        .groupStreamEnded(id, group: object.group, subgroup: 0, .reset(code: 0)),
        url
      )
    }
    try upstreams.play(.milliseconds(200), first, second)
    return object
  }

  private func holes(_ upstreams: ScriptedUpstreams) -> Int {
    upstreams.core.report().broadcasts[0].tracks.reduce(0) { $0 + $1.holes }
  }

  @Test func `who can't fetch is not asked`() throws {
    let upstreams = try both()
    try upstreams.source(first).canFetch = false
    let object = try hole(upstreams)
    #expect(try upstreams.source(first).fetches.isEmpty)
    let fetch = try #require(try upstreams.source(second).fetches.first)
    #expect(fetch.range.contains(object.location))
    let id = try #require(try upstreams.source(second).subscription("video"))
    try upstreams.send(.object(id, object), second)
    try upstreams.send(.fetchFinished(fetch.id, FetchOutcome(objects: 1)), second)
    try upstreams.play(.seconds(2), first, second)
    #expect(holes(upstreams) == 0)
  }

  @Test func `what one upstream does not have is asked of the next`() throws {
    let upstreams = try both()
    let object = try hole(upstreams)
    let asked = try #require(try upstreams.source(first).fetches.first)
    #expect(try upstreams.source(second).fetches.isEmpty)
    try upstreams.send(.fetchFinished(asked.id, refusal), first)
    let fetch = try #require(try upstreams.source(second).fetches.first)
    #expect(fetch.range.contains(object.location))
    #expect(holes(upstreams) == 0)
    let id = try #require(try upstreams.source(second).subscription("video"))
    try upstreams.send(.object(id, object), second)
    try upstreams.send(.fetchFinished(fetch.id, FetchOutcome(objects: 1)), second)
    try upstreams.play(.seconds(2), first, second)
    #expect(holes(upstreams) == 0)
    #expect(try upstreams.source(first).fetches.count == 1)
  }

  @Test func `what the last upstream does not have is a gap at once`() throws {
    let upstreams = try both()
    _ = try hole(upstreams)
    for url in [first, second] {
      let fetch = try #require(try upstreams.source(url).fetches.first)
      try upstreams.send(.fetchFinished(fetch.id, refusal), url)
    }
    try upstreams.play(.milliseconds(40), first, second)
    #expect(holes(upstreams) == 1)
    try upstreams.play(.seconds(1), first, second)
    for url in [first, second] { #expect(try upstreams.source(url).fetches.count == 1) }
  }

  @Test func `an upstream that is lost with a repair does not keep it`() throws {
    let upstreams = try both()
    let object = try hole(upstreams)
    try upstreams.lose(first)
    try upstreams.play(.milliseconds(40), second)
    let fetch = try #require(try upstreams.source(second).fetches.first)
    #expect(fetch.range.contains(object.location))
  }
}
