import HTTP
import Testing
import Wire

@testable import Egress

@Suite struct HotMediaTests {
  private func route(_ number: Int64) -> Route {
    .segment(
      broadcast: BroadcastPath(fields: [Bytes(utf8: "b")]),
      rendition: "v",
      epoch: "0",
      start: number
    )
  }

  private func body(_ byte: UInt8, _ count: Int) -> Body {
    .whole([[byte], Bytes([UInt8](repeating: byte, count: count - 1))])
  }

  @Test func `media is put together when it is asked for again`() {
    var media = HotMedia()
    #expect(media.content(of: route(1), body(7, 20_000)) == nil)
    #expect(media.content(of: route(2), body(8, 20_000)) == nil)
    let whole = Bytes([UInt8](repeating: 7, count: 20_000))
    #expect(media.content(of: route(1), body(7, 20_000))?.bytes == whole)
    #expect(media.content(of: route(1), body(7, 20_000))?.bytes == whole)
    #expect(media.cost == 20_000)
    media.removeAll()
    #expect(media.content(of: route(1), body(7, 20_000)) == nil)
    #expect(media.cost == 0)
  }

  @Test func `what is small, large or in one piece stays as it is`() {
    var media = HotMedia()
    let bodies = [
      body(1, HotMedia.least - 1), body(1, HotMedia.limit / 4 + 1), .none, .growing,
      .whole([Bytes([UInt8](repeating: 1, count: HotMedia.least))]),
    ]
    for body in bodies {
      for _ in 0..<3 { #expect(media.content(of: route(1), body) == nil) }
    }
    for _ in 0..<2 { _ = media.content(of: route(1), body(1, HotMedia.least)) }
    for _ in 0..<2 { _ = media.content(of: route(2), body(1, HotMedia.limit / 4)) }
    #expect(media.cost == HotMedia.least + HotMedia.limit / 4)
  }

  @Test func `media of a middling size has a copy in the kernel, which counts too`() throws {
    var media = HotMedia()
    var copies: [ContentCopy] = []
    for (number, count) in [KeptCopies.least - 1, KeptCopies.least, KeptCopies.most].enumerated() {
      let before = media.cost
      for _ in 0..<2 { _ = media.content(of: route(Int64(number)), body(1, count)) }
      let known = media.content(of: route(Int64(number)), body(1, count))
      let content = try #require(known)
      #expect((content.copy == nil) == (number == 0))
      #expect(media.cost - before == (number == 0 ? count : 2 * count))
      if let copy = content.copy { copies.append(copy) }
    }
    #expect(media.copies.count == 2)
    // As many as there is room for, the newest.
    for number in 3..<20 {
      for _ in 0..<2 { _ = media.content(of: route(Int64(number)), body(1, KeptCopies.most)) }
    }
    #expect(media.copies.count == HotMedia.limit / (2 * KeptCopies.most))
    #expect(media.cost == HotMedia.limit)
    #expect(media.content(of: route(19), body(1, KeptCopies.most))?.copy != nil)
    media.removeAll()
    #expect(media.copies.count == 0)
    for _ in 0..<2 { _ = media.content(of: route(1), body(2, KeptCopies.least)) }
    let known = media.content(of: route(1), body(2, KeptCopies.least))
    let copy = try #require(known?.copy)
    #expect(!copies.contains(copy), "a name is given once")
  }

  @Test func `where everything is encrypted there are no copies`() {
    var media = HotMedia(keepsCopies: false)
    for _ in 0..<2 { _ = media.content(of: route(1), body(1, KeptCopies.least)) }
    let known = media.content(of: route(1), body(1, KeptCopies.least))
    #expect(known != nil && known?.copy == nil)
    #expect(media.cost == KeptCopies.least)
  }

  @Test func `the oldest leaves past the limit`() {
    var media = HotMedia()
    for number in 0..<5 {
      for _ in 0..<2 { _ = media.content(of: route(Int64(number)), body(1, HotMedia.limit / 4)) }
    }
    #expect(media.cost == HotMedia.limit)
    #expect(media.content(of: route(1), body(1, HotMedia.limit / 4)) != nil)
    #expect(media.content(of: route(0), body(1, HotMedia.limit / 4)) == nil)
  }

  @Test func `names that were asked for once are forgotten past their limit`() {
    var media = HotMedia()
    for number in 0...HotMedia.namesLimit {
      _ = media.content(of: route(Int64(number)), body(1, 20_000))
    }
    #expect(media.content(of: route(0), body(1, 20_000)) == nil)
  }
}
