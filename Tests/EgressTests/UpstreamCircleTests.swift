import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress
@testable import MoQ

/// Upstreams that send away to where a broadcast is followed already.
@Suite struct UpstreamCircleTests {
  private let first = "moqt://first:1/"
  private let second = "moqt://second:1/"

  @Test func `who is sent where the other upstream is rests`() throws {
    let upstreams = try ScriptedUpstreams(first, second) { $0.live = 2 }
    upstreams.onOpen = { [first, second] upstreams, id, url in
      upstreams.ready(id)
      guard url == first, upstreams.opened.count < 60 else { return }
      upstreams.core.handle(
        .goAway(uri: second, timeout: nil, nil),
        on: id,
        utc: upstreams.utc,
        now: upstreams.now
      )
    }
    upstreams.start()
    #expect(upstreams.opened.count <= 4)
    upstreams.advance(.seconds(10))
    #expect(upstreams.opened.count < 30)
  }

  @Test func `who is redirected where the other upstream is rests`() throws {
    let upstreams = try ScriptedUpstreams(first, second) { $0.live = 2 }
    upstreams.start()
    var count = 0
    for _ in 0..<50 {
      guard upstreams.open.values.contains(first), let source = try? upstreams.source(first),
        let id = source.subscription("catalog")
      else { break }
      count += 1
      source.unsubscribe(id)
      let failure = RequestFailure(
        meaning: .redirect,
        code: 5,
        reason: "elsewhere",
        redirect: RequestError.Redirect(uri: second, track: FullTrackName(TrackNamespace([]), ""))
      )
      try upstreams.send(.subscriptionFailed(id, failure), first)
    }
    #expect(count < 5)
  }

  @Test func `who discovers is sent where the other discovers`() throws {
    let upstreams = try ScriptedUpstreams(first, second, namespace: "live") {
      $0.discover = true
      $0.live = 2
    }
    upstreams.start()
    let prefix = try #require(TrackNamespace(text: "live"))
    for url in [first, second] { try upstreams.send(.namespacesAccepted(prefix: prefix), url) }
    try upstreams.send(.namespaceAnnounced(try #require(TrackNamespace(text: "live/a"))), first)
    upstreams.advance(.seconds(3))
    try upstreams.send(.goAway(uri: second, timeout: nil, nil), first)
    #expect(try upstreams.source(second).prefixes == [prefix])
  }
}
