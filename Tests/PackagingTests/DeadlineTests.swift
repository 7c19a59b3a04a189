import Packaging
import TestSupport
import Testing
import Wire

/// When a presentation wants to be called: what stays due keeps a loop from ever sleeping.
@Suite struct DeadlineTests {
  static let zero = UTCTime(microseconds: 1_795_000_000_000_000)

  private func oneGroup(
    of frames: Int,
    videos: Int = 1,
    at start: Int64 = 0
  ) -> RecordedBroadcast {
    RecordedBroadcast.ladder(
      videos: videos,
      groups: 1,
      framesPerGroup: frames,
      startTicks: start,
      zero: Self.zero
    )
  }

  /// What is due however often it is acted on.
  private func staysDue(_ bridge: inout SimulatedBridge, from seconds: Int64) -> Instant? {
    let now = Instant(nanoseconds: seconds * 1_000_000_000)
    for _ in 0..<50 {
      guard let due = bridge.presentation.deadline, due <= now else { return nil }
      bridge.wait(until: now)
    }
    return bridge.presentation.deadline
  }

  @Test(arguments: [Int64(0), 90_000])
  func `a lead that stops before its first segment begins is not due`(_ start: Int64) throws {
    let broadcast = oneGroup(of: 25, at: start)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries)
    #expect(staysDue(&bridge, from: 60) == nil)
  }

  @Test(arguments: [Int64(0), 90_000])
  func `what has ended before its first segment began is not due`(_ start: Int64) throws {
    let broadcast = oneGroup(of: 25, at: start)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries)
    bridge.finish(atMicroseconds: 3_000_000)
    #expect(staysDue(&bridge, from: 60) == nil)
  }

  @Test func `what has ended without anything of the lead is not due`() throws {
    let broadcast = oneGroup(of: 25)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries.filter { $0.track == 1 })
    bridge.finish(atMicroseconds: 3_000_000)
    #expect(staysDue(&bridge, from: 60) == nil)
  }

  @Test func `a track that goes before packaging begins is not due`() throws {
    let broadcast = oneGroup(of: 250, videos: 2)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries.filter { $0.sentAt < 3_000_000 })
    bridge.retire([1])
    #expect(staysDue(&bridge, from: 5) == nil)
  }

  @Test func `a track that goes from what ends before packaging began is not due`() throws {
    let broadcast = oneGroup(of: 250, videos: 2)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries.filter { $0.sentAt < 3_000_000 && $0.track != 0 })
    bridge.retire([1])
    bridge.finish(atMicroseconds: 3_500_000)
    #expect(staysDue(&bridge, from: 20) == nil)
  }
}
