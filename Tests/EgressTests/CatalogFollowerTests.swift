import Compression
import MoQ
import Testing
import Wire

@testable import Egress

/// Keeping up with the catalog of a broadcast.
@Suite struct CatalogFollowerTests {
  private let whole = Bytes(
    utf8: #"{"version":"1","tracks":[{"name":"v","packaging":"cmaf","isLive":true}]}"#
  )
  private let delta = Bytes(
    utf8:
      #"{"deltaUpdate":[{"op":"add","tracks":[{"name":"a","packaging":"loc"}]}],"generatedAt":1}"#
  )

  private func follower(limit: Int = 1 << 20) -> CatalogFollower {
    var limits = CatalogLimits()
    limits.bytes = limit
    let namespace = TrackNamespace([Bytes(utf8: "live")])
    return CatalogFollower(
      names: [FullTrackName(namespace, "catalog"), FullTrackName(namespace, "catalog.json")],
      limits: limits
    )
  }

  private func names(_ result: CatalogFollower.Result) -> [String]? {
    if case .changed(let catalog, _) = result { catalog.tracks.map(\.name) } else { nil }
  }

  private func object(_ group: UInt64, _ id: UInt64, _ payload: Bytes) -> Object {
    Object(group: group, id: id, payload: payload)
  }

  @Test func `a catalog grows by its updates, each taken once`() {
    var follower = follower()
    #expect(names(follower.take(object(3, 0, whole))) == ["v"])
    #expect(names(follower.take(object(3, 1, delta))) == ["v", "a"])
    #expect(names(follower.take(object(3, 1, delta))) == nil)
    #expect(names(follower.take(object(2, 0, whole))) == nil)
    #expect(names(follower.take(object(4, 0, whole))) == ["v"])
  }

  @Test func `an update that can't be read spoils the rest of its group alone`() {
    var follower = follower()
    _ = follower.take(object(3, 0, whole))
    guard case .unreadable = follower.take(object(3, 1, Bytes(utf8: "{"))) else {
      Issue.record("it was read")
      return
    }
    #expect(names(follower.take(object(3, 2, delta))) == nil)
    #expect(follower.catalog?.tracks.map(\.name) == ["v"])
    #expect(names(follower.take(object(4, 0, whole))) == ["v"])
  }

  @Test func `what follows hang's catalog in its group is a merge patch`() {
    var follower = follower()
    func hang(_ text: String) -> Bytes { Bytes(utf8: text) }
    let first = hang(
      #"{"video":{"renditions":{"v0":{"codec":"avc1.64001f"},"v1":{"codec":"avc1.64001f"}}}}"#
    )
    #expect(names(follower.take(object(1, 0, first))) == ["v0", "v1"])
    let second = hang(
      #"{"video":{"renditions":{"v0":null}},"audio":{"renditions":{"a":{"codec":"opus"}}}}"#
    )
    #expect(names(follower.take(object(1, 1, second))) == ["v1", "a"])
    // A whole one of the next group is no patch.
    let third = hang(#"{"audio":{"renditions":{"b":{"codec":"opus"}}}}"#)
    #expect(names(follower.take(object(2, 0, third))) == ["b"])
    guard case .unreadable = follower.take(object(2, 1, hang("{"))) else {
      Issue.record("it was read")
      return
    }
    #expect(names(follower.take(object(2, 2, second))) == nil)
    #expect(names(follower.take(object(3, 0, second))) == ["a"])
  }

  @Test func `a catalog grows by JSON Patch`() {
    var follower = follower()
    #expect(names(follower.take(object(3, 0, whole))) == ["v"])
    let patch = Bytes(
      utf8: #"[{"op":"add","path":"/tracks/-","value":{"name":"a","packaging":"loc"}}]"#
    )
    #expect(names(follower.take(object(3, 1, patch))) == ["v", "a"])
    let removal = Bytes(utf8: #"[{"op":"remove","path":"/tracks/0"}]"#)
    #expect(names(follower.take(object(3, 2, removal))) == ["a"])
    // In another group it has nothing to apply to.
    #expect(names(follower.take(object(4, 1, patch))) == nil)
    #expect(names(follower.take(object(5, 0, whole))) == ["v"])
    // A delta of MSF leaves no text to patch.
    #expect(names(follower.take(object(5, 1, delta))) == ["v", "a"])
    guard case .unreadable = follower.take(object(5, 2, patch)) else {
      Issue.record("it was patched")
      return
    }
  }

  @Test func `a compressed catalog is one too, up to the limit of its text`() {
    let padded = Bytes(whole.array + [UInt8](repeating: 0x20, count: 500))
    #expect(gzip(padded).count < padded.count)
    var exact = follower(limit: padded.count)
    #expect(names(exact.take(object(0, 0, gzip(padded)))) == ["v"])
    var narrow = follower(limit: padded.count - 1)
    guard case .unreadable(let reason) = narrow.take(object(0, 0, gzip(padded))) else {
      Issue.record("it was read")
      return
    }
    #expect(reason.contains("GZIP"))
  }

  @Test func `names are given up one by one`() {
    var follower = follower()
    follower.refuse("no such track")
    #expect(follower.names.map(\.name.text) == ["catalog.json"])
    #expect(follower.lastRefusal == "no such track")
    follower.refuse("neither")
    follower.refuse("nothing")
    #expect(follower.names.isEmpty)
  }
}
