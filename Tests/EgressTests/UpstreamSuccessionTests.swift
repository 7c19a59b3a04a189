import MoQ
import Packaging
import Testing
import Wire

@testable import Egress

/// Whether what comes on another session is what came before, or a new broadcast.
@Suite struct UpstreamSuccessionTests {
  private let first = "moqt://first:1/"
  private let second = "moqt://second:1/"

  private func epochs(_ upstreams: ScriptedUpstreams) -> Int {
    Set(upstreams.snapshot?.renditions[0].segments.map(\.epoch.name) ?? []).count
  }

  private func duplicates(_ upstreams: ScriptedUpstreams) -> Int {
    upstreams.core.report().broadcasts[0].tracks.reduce(0) { $0 + $1.duplicate }
  }

  private func edge(_ upstreams: ScriptedUpstreams) throws -> Int64 {
    try #require(upstreams.snapshot?.renditions[0].segments.last?.endTime).microseconds
  }

  @Test(arguments: [PublishPackaging.cmaf, .loc], [true, false])
  func `who is a little behind goes on with the broadcast`(
    _ packaging: PublishPackaging,
    _ saysLargest: Bool
  ) throws {
    let upstreams = try ScriptedUpstreams(first, second, packaging: packaging)
    upstreams.start()
    try upstreams.join(first)
    try upstreams.play(.milliseconds(6700), first)
    try upstreams.lose(first)
    try upstreams.sendCatalog(second)
    for name in ["video", "audio"] {
      try upstreams.accept(name, second, behind: 8, saysLargest: saysLargest)
    }
    try upstreams.play(.seconds(4), second)
    #expect(upstreams.logs.filter { $0.contains("media does not continue") } == [])
    #expect(epochs(upstreams) == 1)
    #expect(duplicates(upstreams) >= 8)
    #expect(
      upstreams.snapshot?.renditions.allSatisfy { rendition in
        rendition.segments.allSatisfy { !$0.isGap && !$0.isDiscontinuity }
      } == true
    )
  }

  @Test(arguments: [PublishPackaging.cmaf, .loc], [true, false])
  func `a publisher that begins its ids anew is found at once`(
    _ packaging: PublishPackaging,
    _ saysLargest: Bool
  ) throws {
    let upstreams = try ScriptedUpstreams(first, packaging: packaging)
    // The past is not there, so that its ids count from 0.
    try upstreams.play(.milliseconds(100))
    let base = try #require(try upstreams.track("video").groups.first?.id)
    upstreams.renumber = { Location(group: $0.group - base, object: $0.object) }
    upstreams.start()
    try upstreams.join(first)
    try upstreams.play(.seconds(6), first)
    let before = try edge(upstreams)
    try upstreams.lose(first)
    try upstreams.play(.milliseconds(400))
    let newest = try #require(try upstreams.track("video").largest)
    upstreams.renumber = { location in
      location.group > newest.group
        ? Location(group: location.group - newest.group - 1, object: location.object) : nil
    }
    try upstreams.sendCatalog(first)
    for name in ["video", "audio"] {
      try upstreams.accept(name, first, largest: saysLargest ? Location.zero : nil)
    }
    try upstreams.play(.seconds(5), first)
    #expect(duplicates(upstreams) == 0)
    #expect(try edge(upstreams) > before + 3_000_000)
  }

  @Test func `times tell what ids mean`() {
    var times = KnownTimes()
    func location(_ group: UInt64, _ object: UInt64 = 0) -> Location {
      Location(group: group, object: object)
    }
    #expect(times.isEmpty && !times.reaches(location(5)))
    var now = Instant(nanoseconds: 0)
    for group in 3..<8 as Range<UInt64> {
      times.note(location(group), Int64(group) * 2_000_000, now: now)
      #expect(!times.wantsTime(now: now + .milliseconds(499)))
      now = now + .milliseconds(500)
      #expect(times.wantsTime(now: now))
    }
    // 14 s is the newest time.
    #expect(times.reaches(location(6, 3)) && times.reaches(location(5)))
    #expect(!times.reaches(location(4)) && !times.reaches(location(0, 7)))
    #expect(times.fit(location(6), 12_000_000) && times.fit(location(6, 9), 13_000_000))
    #expect(times.fit(location(6, 9), 11_700_000))
    // What is known has another time, or none of its neighbours.
    #expect(!times.fit(location(6), 13_000_000) && !times.fit(location(6), 11_000_000))
    #expect(!times.fit(location(5, 9), 13_000_000) && !times.fit(location(0), 13_000_000))
    // Ids and times that both began anew are far back.
    #expect(!times.fit(location(3), 6_000_000) && !times.fit(location(0), 0))
    for wild in [Int64.max, .min, .max / 2, .min / 2] {
      #expect(!times.fit(location(6), wild))
      times.note(location(9), wild, now: now)
    }
    #expect(times.fit(location(7), 14_000_000))
  }
}
