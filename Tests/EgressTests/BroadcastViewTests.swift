import Manifests
import Testing

@testable import Egress

/// What a view keeps of those before it.
@Suite struct BroadcastViewTests {
  private func view(after previous: BroadcastView?) -> BroadcastView {
    BroadcastView(Origin.growing, arrival: Origin().arrival, after: previous)
  }

  @Test func `a view that has settled lets go of the one before it`() {
    var first: BroadcastView? = view(after: nil)
    weak let watched = first
    let second = view(after: first)
    first = nil
    #expect(watched != nil)
    second.settle()
    #expect(watched == nil)
  }

  @Test func `views that nobody settles keep one before them, and not all`() {
    var newest = view(after: nil)
    weak let first = newest
    newest = view(after: newest)
    #expect(first != nil)
    newest = view(after: newest)
    #expect(first == nil)
  }

  @Test func `a manifest is rendered once for all views that say the same`() throws {
    let first = view(after: nil)
    let manifest = try #require(first.manifest(of: .segment, timeURL: "http://origin.example/time"))
    let second = view(after: first)
    second.settle()
    let again = second.manifest(of: .segment, timeURL: "http://origin.example/time")
    #expect(again === manifest)
  }
}
