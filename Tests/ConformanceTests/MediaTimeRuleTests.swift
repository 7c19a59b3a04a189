import Testing
import Wire

@testable import Conformance

/// The rules on segments' media beside their playlist, on answers for media, and on times.
@Suite struct MediaTimeRuleTests {
  typealias Edit = @Sendable (inout SegmentFacts) -> Void

  static let neighbours: [(numbers: [String], edit: Edit)] = [
    ([], { _ in }),
    (["HLS-025"], { $0.date = $0.date?.advanced(by: 50_000) }),
    (["HLS-028"], { $0.initHash = [2] }),
    // A jump that is marked.
    (
      [],
      {
        $0.discontinuity = 8; $0.start += 90_000; $0.presentation += 90_000
      }
    ),
    // A mark without a jump.
    (["HLS-028"], { $0.discontinuity = 8 }),
    (
      ["HLS-033"],
      {
        $0.discontinuity = 8; $0.start = 0; $0.presentation = 0
      }
    ),
  ]

  @Test(arguments: neighbours.indices)
  func `neighbours that do not go together fail the number`(_ index: Int) {
    let mutation = Self.neighbours[index]
    var next = Samples.facts(101)
    mutation.edit(&next)
    let failed = failures {
      MediaTimeRules.judge(next, after: Samples.facts(100), subject: "s", into: &$0)
    }
    #expect(failed == mutation.numbers)
  }

  @Test func `an unmarked jump fails`() {
    var next = Samples.facts(101)
    next.start += 90_000
    let failed = failures {
      MediaTimeRules.judge(next, after: Samples.facts(100), subject: "s", into: &$0)
    }
    #expect(failed == ["HLS-028"])
  }

  @Test func `EXTINF is held against the samples, alone and in sum`() {
    var facts = Samples.facts(100)
    #expect(failures { MediaTimeRules.judge(facts, subject: "s", into: &$0) } == [])
    facts.listedDuration += 1100
    #expect(failures { MediaTimeRules.judge(facts, subject: "s", into: &$0) } == ["HLS-015"])
    let run = (100..<160).map { number in
      var facts = Samples.facts(number)
      facts.listedDuration += 900
      return facts
    }
    #expect(failures { MediaTimeRules.judgeDrift(run, subject: "s", into: &$0) } == ["HLS-015"])
    let even = (100..<160).map(Samples.facts)
    #expect(failures { MediaTimeRules.judgeDrift(even, subject: "s", into: &$0) } == [])
  }

  @Test func `BANDWIDTH is held against the peak`() throws {
    var run = (100..<110).map(Samples.facts)
    run[4].bytes = 1_000_000
    let peak = try #require(MediaTimeRules.peakRate(run, targetDuration: 2))
    #expect(peak == 4_000_000)
    func judge(_ bandwidth: Int) -> [String] {
      failures {
        MediaTimeRules.judgeBandwidth(bandwidth, peak: peak, subject: "s", into: &$0)
      }
    }
    #expect(judge(3_700_000) == [])
    #expect(judge(3_000_000) == ["HLS-009"])
  }

  @Test func `what is listed must be there, and stay as it is`() {
    let resource = Resource(url: Samples.url)
    func listed(_ exchange: Exchange) -> [String] {
      failures {
        _ = MediaAnswerRules.judgeListed(exchange, resource, "HLS-020", into: &$0)
      }
    }
    #expect(listed(Samples.exchange(body: "x")) == [])
    #expect(listed(Samples.exchange(404)) == ["HLS-020", "HLS-030"])
    #expect(listed(Samples.exchange(500)) == ["HLS-020"])
    #expect(listed(Samples.exchange(body: "x", after: 2500)) == ["HLS-020"])
    func again(_ exchange: Exchange, _ number: String, hash: Bytes? = nil) -> [String] {
      failures {
        MediaAnswerRules.judgeAgain(
          exchange,
          resource,
          number,
          hash: hash,
          validator: "\"a\"",
          into: &$0
        )
      }
    }
    for number in ["HLS-022", "HLS-052"] {
      #expect(again(Samples.exchange(), number) == [])
      #expect(again(Samples.exchange(404), number) == [number])
    }
    #expect(again(Samples.exchange(200, [("ETag", "\"b\"")]), "HLS-021") == ["HLS-021"])
    #expect(again(Samples.exchange(body: "x"), "HLS-021", hash: [1]) == ["HLS-021"])
  }

  @Test func `parts add up to their segment`() {
    func judge(_ parts: [Bytes]) -> [String] {
      failures { MediaAnswerRules.judgeParts(parts, segment: [1, 2, 3], "s", into: &$0) }
    }
    #expect(judge([[1], [2, 3]]) == [])
    #expect(judge([[1], [2, 4]]) == ["HLS-050"])
    #expect(judge([[1], [2]]) == ["HLS-050"])
  }

  @Test func `late times count when they are more than one in twenty, and not one alone`() {
    let numbers: [(WritableKeyPath<TimingTallies, Tally>, String)] = [
      (\.segmentIntervals, "HLS-018"), (\.partIntervals, "HLS-053"), (\.hints, "HLS-055"),
      (\.deliveries, "HLS-057"), (\.releases, "HLS-058"), (\.reports, "HLS-060"),
      (\.reloads, "HLS-062"), (\.steps, "HLS-076"),
    ]
    for (path, number) in numbers {
      var tallies = TimingTallies()
      for _ in 0..<18 { tallies[keyPath: path].add(.milliseconds(10), limit: .milliseconds(150)) }
      tallies[keyPath: path].add(.milliseconds(200), limit: .milliseconds(150))
      // What is no matter of time may not be wrong even once in so few.
      let once = path == \.hints ? [number] : []
      #expect(failures { tallies.judge(subject: "s", into: &$0) } == once)
      tallies[keyPath: path].add(.milliseconds(200), limit: .milliseconds(150))
      #expect(failures { tallies.judge(subject: "s", into: &$0) } == [number])
    }
  }

  @Test func `reports and steps are measured against another playlist's history`() {
    var history = EdgeHistory()
    var playlist = Samples.playlist
    history.note(playlist, time: Instant(nanoseconds: 0))
    for index in 2..<4 {
      playlist.segments[460].parts.append(
        PartEntry(uri: "560.\(index).m4s", duration: 500_000)
      )
      history.note(playlist, time: Instant(nanoseconds: Int64(index - 1) * 500_000_000))
    }
    func report(_ part: Int, at milliseconds: Int64) -> Tally {
      var tally = Tally()
      history.judge(
        reported: Position(number: 560, part: part),
        at: Instant(nanoseconds: milliseconds * 1_000_000),
        slack: .milliseconds(150),
        into: &tally
      )
      return tally
    }
    #expect(report(1, at: 200).wrong == 0)
    #expect(report(3, at: 200).wrong == 1)
    #expect(report(1, at: 1300).wrong == 1)
    #expect(report(2, at: 1300).wrong == 0)

    // Another rendition whose edge never moved.
    var still = EdgeHistory()
    still.note(Samples.playlist, time: Instant(nanoseconds: 0))
    var steps = Tally()
    still.judgeSteps(
      of: history,
      partTarget: 500_000,
      slack: .milliseconds(150),
      until: Instant(nanoseconds: 5_000_000_000),
      into: &steps
    )
    #expect(steps.count == 2)
    #expect(steps.wrong == 1)
  }

  @Test func `the edge's age is bounded and does not drift`() {
    func record(age: Int64, driftPerSecond: Int64) -> [String] {
      var record = ClockRecord()
      for second in 0..<60 {
        let edge = UTCTime(microseconds: Int64(second) * 1_000_000)
        record.add(edge: edge, seenAt: edge.advanced(by: age + Int64(second) * driftPerSecond))
      }
      return failures { record.judge(subject: "s", into: &$0) }
    }
    #expect(record(age: 700_000, driftPerSecond: 0) == [])
    #expect(record(age: 70_000_000, driftPerSecond: 0) == ["HLS-027"])
    #expect(record(age: -900_000, driftPerSecond: 0) == ["HLS-027"])
    #expect(record(age: 700_000, driftPerSecond: 2000) == ["HLS-027"])
  }
}
