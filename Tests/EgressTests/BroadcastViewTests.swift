import Manifests
import Packaging
import TestSupport
import Testing
import Wire

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

  @Test func `media of a broadcast that has ended is there for a while when another begins`() throws
  {
    let ended = Origin.ended
    let old = try #require(ended.renditions.first)
    let segment = try #require(old.segments.last)
    func isHeld(_ rendition: RenditionSnapshot) -> Bool {
      rendition.segment(segment.epoch.name, segment.start) != nil
    }
    var arrival = Origin().arrival
    var view = BroadcastView(ended, arrival: arrival, after: nil)
    let other = RecordedBroadcast.scripted(
      [.video("v"), .audio("a")],
      seconds: 12,
      startSeconds: 100,
      firstGroup: 100
    )
    var bridge = SimulatedBridge(other)
    bridge.run(other)
    let next = try #require(bridge.last)
    let window = ended.constants.window.nanoseconds / 1000
    for age in [0, window, 2 * window - 1] {
      arrival = UTCTime(microseconds: Origin().arrival.microseconds + age)
      view = BroadcastView(next, arrival: arrival, after: view)
      let rendition = try #require(view.rendition(old.info.name, holding: isHeld))
      #expect(isHeld(rendition), "\(age)")
      // Playlists are those of the new one.
      #expect(view.rendition(old.info.name).map(isHeld) == false)
    }
    arrival = UTCTime(microseconds: Origin().arrival.microseconds + 2 * window)
    view = BroadcastView(next, arrival: arrival, after: view)
    #expect(view.rendition(old.info.name, holding: isHeld).map(isHeld) == false)
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
