import Manifests
import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress

/// What two bridges that joined apart say of one broadcast.
@Suite struct SameManifestTests {
  /// The MPDs that a bridge serves one after the other, with their publish times.
  private func manifests(
    _ broadcast: RecordedBroadcast,
    from joined: Int64,
    arriving delay: Int64
  ) -> [(text: String, publishTime: String)] {
    var policy = PackagingPolicy()
    policy.window = .seconds(12)
    policy.publishDelay = .milliseconds(500)
    var bridge = SimulatedBridge(broadcast, policy: policy)
    bridge.run(broadcast, broadcast.entries.filter { $0.sentAt > joined })
    var view: BroadcastView?
    var list: [(text: String, publishTime: String)] = []
    for (snapshot, time) in zip(bridge.snapshots, bridge.times) {
      let arrival = UTCTime(microseconds: broadcast.zero.microseconds + time + delay)
      let next = BroadcastView(snapshot, arrival: arrival, after: view)
      view = next
      let manifest = next.manifest(of: .segment, timeURL: "http://origin.example/time")
      let text = manifest?.plain.text ?? ""
      let stamp = text.firstMatch(of: #/publishTime="([^"]*)"/#).map { String($0.1) } ?? ""
      if list.last?.text != text { list.append((text, stamp)) }
    }
    return list
  }

  @Test func `bridges that list the same segments give the same MPD, to the byte`() {
    let broadcast = RecordedBroadcast.scripted([.video("v"), .audio("a")], seconds: 60)
    let first = manifests(broadcast, from: 0, arriving: 3_000)
    let second = manifests(broadcast, from: 7_300_000, arriving: 4_711)
    // From when the window of the second, and what is listed in front of it, is full.
    let known = Set(first.map(\.text))
    let late = second.suffix(30).map(\.text)
    #expect(late.count == 30)
    #expect(late.allSatisfy(known.contains))
    #expect(!second.prefix(3).map(\.text).contains(where: known.contains))
  }

  @Test func `DASH-003 each MPD is later than the one before, and none is of the future`() {
    let broadcast = RecordedBroadcast.scripted([.video("v"), .audio("a")], seconds: 30)
    let list = manifests(broadcast, from: 0, arriving: 0)
    #expect(list.count > 20)
    #expect(zip(list, list.dropFirst()).allSatisfy { $0.publishTime < $1.publishTime })
    // A clock that is ahead of ours.
    let early = manifests(broadcast, from: 0, arriving: -5_000_000)
    #expect(zip(early, early.dropFirst()).allSatisfy { $0.publishTime < $1.publishTime })
  }
}
