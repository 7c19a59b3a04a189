import CMAF
import Manifests
import Packaging
import TestSupport
import Testing
import Wire

/// Requirements of low latency on media playlists.
@Suite struct LowLatencyTests {
  @Test(arguments: Scenario.all)
  func `HLS-040 the part target is there and at most the target duration`(_ scenario: Scenario) {
    for playlist in scenario.all {
      let part = playlist.partTarget ?? 0
      #expect(part > 0)
      #expect(part <= (playlist.targetDuration ?? 0) * 100_000)
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-042 HLS-043 the part hold-back is at least three part targets`(
    _ scenario: Scenario
  ) throws {
    for playlist in scenario.all {
      let holdBack = try StrictPlaylist.seconds(playlist.control["PART-HOLD-BACK"], "")
      #expect(holdBack >= 3 * (playlist.partTarget ?? .max / 4))
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-044 HLS-045 hold-back is three and the skip boundary six target durations`(
    _ scenario: Scenario
  ) throws {
    for playlist in scenario.all {
      let target = (playlist.targetDuration ?? 0) * 100_000
      #expect(try StrictPlaylist.seconds(playlist.control["HOLD-BACK"], "") >= 3 * target)
      #expect(try StrictPlaylist.seconds(playlist.control["CAN-SKIP-UNTIL"], "") >= 6 * target)
      #expect(playlist.control["CAN-SKIP-DATERANGES"] == nil)
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-046 every part is at most the part target`(_ scenario: Scenario) {
    var count = 0
    for playlist in scenario.all {
      for part in playlist.all.flatMap(\.parts) {
        #expect(part.duration <= playlist.partTarget ?? 0)
        #expect(part.duration > 0)
        count += 1
      }
    }
    #expect(count > 100)
  }

  @Test(arguments: Scenario.all)
  func `HLS-047 every part but the last of a segment is at least 85 % of the target`(
    _ scenario: Scenario
  ) {
    var count = 0
    for rendition in scenario.last.renditions {
      for playlist in scenario.playlists[rendition.info.name]?.map(\.playlist) ?? [] {
        let target = playlist.partTarget ?? 0
        for segment in playlist.segments {
          // Audio parts are all independent, which excuses them, but they have no need of it.
          for (part, next) in zip(segment.parts, segment.parts.dropFirst())
          where (!part.isIndependent || rendition.info.kind == .audio) && !part.isGap
            && !next.isGap
          {
            #expect(part.duration * 100 >= target * 85, "\(part) of \(segment.number)")
            count += 1
          }
        }
      }
    }
    // Of those a part is a whole segment.
    let areLong = [Scenario.wholeGroups, .longSounds].contains { $0 === scenario }
    if !areLong { #expect(count > 20) }
  }

  @Test func `HLS-047 coarse objects lower the target to what they fill`() {
    // Objects of 0.2 s: two of them are 0.4 s, 80 % of half a second.
    #expect(Set(Scenario.coarse.all.map(\.partTarget)) == [40_000])
    #expect(Set(Scenario.ladder.all.map(\.partTarget)) == [50_000])
    #expect(Set(Scenario.wholeGroups.all.map(\.partTarget)) == [200_000])
  }

  @Test(arguments: Scenario.all)
  func `HLS-048 CMAF-007 INDEPENDENT is on exactly the parts that begin with a sync sample`(
    _ scenario: Scenario
  ) throws {
    for rendition in scenario.last.renditions {
      let listed = try #require(scenario.playlists[rendition.info.name]?.last).playlist.all
      for segment in listed {
        let held = rendition.segments.first { $0.number == Int64(segment.number) }
        for part in segment.parts {
          let source = held?.parts.first { $0.start == MediaName(part.uri)?.ticks }
          #expect(source?.isIndependent == part.isIndependent)
        }
        if let first = segment.parts.first, !first.isGap {
          #expect(first.isIndependent, "CMAF-007")
        }
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-049 the parts of a segment add up to it`(_ scenario: Scenario) {
    var count = 0
    for segment in scenario.all.flatMap(\.segments) where !segment.parts.isEmpty {
      let sum = segment.parts.reduce(0) { $0 + $1.duration }
      #expect(abs(sum - (segment.duration ?? 0)) <= segment.parts.count * 10, "\(segment)")
      count += 1
    }
    #expect(count > 10)
  }

  @Test(arguments: Scenario.all)
  func `HLS-050 the parts joined are the segment`(_ scenario: Scenario) {
    for segment in scenario.last.renditions.flatMap(\.segments) {
      #expect(segment.pieces == segment.parts.flatMap(\.pieces))
      #expect(segment.byteCount == segment.pieces.reduce(0) { $0 + $1.count })
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-051 parts are listed for the last three target durations and no longer`(
    _ scenario: Scenario
  ) throws {
    for playlist in scenario.all {
      let reach = (playlist.targetDuration ?? 0) * 300_000
      var distance = 0
      for segment in playlist.all.reversed() {
        // Durations are rounded; a segment on the boundary may go either way.
        if distance < reach - 100, !segment.isGap { #expect(!segment.parts.isEmpty, "\(segment)") }
        if distance > reach + 100 { #expect(segment.parts.isEmpty, "\(segment)") }
        distance += segment.duration ?? segment.parts.reduce(0) { $0 + $1.duration }
      }
    }
  }

  @Test(arguments: Scenario.smooth)
  func `HLS-053 HLS-076 parts come within a part target, in step in all renditions`(
    _ scenario: Scenario
  ) throws {
    let part = Int64(scenario.last.constants.partTargetMilliseconds) * 1000
    for snapshot in scenario.snapshots.dropFirst() {
      let edges = snapshot.renditions.compactMap { $0.segments.last?.endTime.microseconds }
      #expect(edges.count == snapshot.renditions.count)
      let spread = try #require(edges.max()) - #require(edges.min())
      #expect(spread <= part + part / 4 + 50_000)
    }
  }

  @Test(arguments: Scenario.smooth)
  func `HLS-054 HLS-055 the hint names the part that comes next, once`(_ scenario: Scenario) throws
  {
    for (name, seen) in scenario.playlists {
      var count = 0
      for (before, after) in zip(seen, seen.dropFirst()) {
        let hint = try #require(before.playlist.hint, "\(name)")
        let known = Set(before.playlist.all.flatMap(\.parts).map(\.uri))
        #expect(!known.contains(hint))
        guard
          let next = after.playlist.all.flatMap(\.parts).first(where: { !known.contains($0.uri) })
        else {
          // A segment ended; the hint stays.
          #expect(after.playlist.hint == nil || after.playlist.hint == hint)
          continue
        }
        #expect(next.uri == hint)
        count += 1
      }
      #expect(count > 5)
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-059 there is a report for every other playlist, with number and part`(
    _ scenario: Scenario
  ) throws {
    for (name, seen) in scenario.playlists {
      for one in seen where !one.playlist.hasEnded {
        let number = Int64(one.playlist.all.last?.number ?? 0)
        let others = scenario.snapshots[one.snapshot].renditions
          .filter { rendition in
            // All that players have been told of, but those that were gone by then.
            rendition.info.name != name && rendition.edge != nil
              && !rendition.shownNumbers.isEmpty && rendition.shownNumbers.upperBound > number
          }.map { "../\($0.info.name)/media.m3u8" }
        #expect(one.playlist.reports.map(\.uri) == others)
        #expect(one.playlist.reports.allSatisfy { $0.part != nil })
      }
    }
  }

  @Test(arguments: Scenario.smooth)
  func `HLS-060 a report is never ahead of the other playlist and at most a part behind`(
    _ scenario: Scenario
  ) throws {
    for (name, seen) in scenario.playlists {
      for one in seen.dropFirst(4) {
        let snapshot = scenario.snapshots[one.snapshot]
        for report in one.playlist.reports {
          let other = try #require(
            snapshot.renditions.first { "../\($0.info.name)/media.m3u8" == report.uri }
          )
          let reported = try #require(
            other.segments.first { $0.number == Int64(report.number) },
            "\(name)"
          )
          let index = try #require(report.part)
          #expect(index < reported.parts.count)
          let position = PlaylistPosition.part(reported.number, index)
          #expect(position <= other.edge ?? position)
          // What has been published after it is at most a part, and one that has just come.
          let later =
            other.segments.filter { $0.number > reported.number }.flatMap(\.parts).count
            + reported.parts.count - 1 - index
          #expect(later <= 2, "\(name): \(report), edge \(String(describing: other.edge))")
        }
      }
    }
  }

  @Test(arguments: Scenario.smooth)
  func `HLS-061 HLS-078 a held reload gets the state as of its part, whenever it is rendered`(
    _ scenario: Scenario
  ) throws {
    for rendition in scenario.last.renditions.indices {
      var answers: [PlaylistPosition: String] = [:]
      for snapshot in scenario.snapshots.suffix(40) {
        let state = snapshot.renditions[rendition]
        guard let edge = state.segments.last else { continue }
        for number in (edge.number - 1)...edge.number {
          for part in 0..<4 {
            let wanted = PlaylistPosition.part(number, part)
            guard state.satisfied(wanted) == wanted else { continue }
            let text = MediaPlaylist(state, of: snapshot, asOf: wanted).render().text
            let playlist = try StrictPlaylist(Bytes(utf8: text))
            // It ends with exactly what was asked for.
            #expect(playlist.edge.number == Int(number))
            #expect(playlist.edge.part == part)
            #expect(answers[wanted] ?? text == text, "\(wanted)")
            answers[wanted] = text
          }
        }
      }
      #expect(answers.count >= 4)
    }
  }

  @Test func `HLS-061 a reload without a part gets the whole segment and nothing after it`() throws
  {
    let snapshot = Scenario.ladder.last
    let state = snapshot.renditions[0]
    let number = try #require(state.segments.last).number - 1
    #expect(state.satisfied(.segment(number)) == .segment(number))
    let playlist = try StrictPlaylist(
      MediaPlaylist(state, of: snapshot, asOf: .segment(number)).render()
    )
    #expect(playlist.open == nil)
    #expect(playlist.segments.last?.number == Int(number))
  }

  @Test func `HLS-061 a reload for a segment that an outage swallowed gets the newest state`()
    throws
  {
    let before = try #require(
      Scenario.longOutage.snapshots.first { $0.renditions[0].segments.count > 4 }
    )
    let lost = try #require(before.renditions[0].segments.last).number + 3
    let state = Scenario.longOutage.last.renditions[0]
    let position = try #require(state.satisfied(.segment(lost)))
    let playlist = try StrictPlaylist(
      MediaPlaylist(state, of: Scenario.longOutage.last, asOf: position).render()
    )
    #expect(!playlist.all.isEmpty)
    #expect(state.satisfied(.part(lost, 0)) == state.edge)
  }

  @Test(arguments: Scenario.all)
  func `HLS-073 HLS-074 a delta merged into the last full playlist is the full playlist`(
    _ scenario: Scenario
  ) throws {
    for (name, seen) in scenario.playlists {
      for (before, after) in zip(seen, seen.dropFirst(3)) where !after.playlist.hasEnded {
        let snapshot = scenario.snapshots[after.snapshot]
        let state = try #require(snapshot.renditions.first { $0.info.name == name })
        let edge = try #require(state.edge)
        let delta = try StrictPlaylist(
          MediaPlaylist(state, of: snapshot, asOf: edge).render(skips: true)
        )
        let full = after.playlist
        #expect(delta.mediaSequence == full.mediaSequence)
        #expect(delta.discontinuitySequence == full.discontinuitySequence)
        #expect(delta.hint == full.hint)
        #expect(delta.reports == full.reports)
        guard delta.skipped > 0 else {
          #expect(delta.lines.map(\.value) == full.lines.map(\.value))
          continue
        }
        // What is skipped lies before the boundary, counted from the end.
        let boundary = try StrictPlaylist.seconds(full.control["CAN-SKIP-UNTIL"], "")
        let kept = full.all.dropFirst(delta.skipped).map { segment in
          segment.duration ?? segment.parts.reduce(0) { $0 + $1.duration }
        }
        #expect(kept.reduce(0, +) + 100 >= boundary)
        // A client takes what it skipped from the copy that it has.
        let skippedNumbers = (delta.mediaSequence ?? 0)..<(delta.mediaSequence ?? 0) + delta.skipped
        let mine = before.playlist.segments.filter { skippedNumbers.contains($0.number) }
        #expect(mine.count == delta.skipped)
        #expect(mine.map(\.uri) == full.segments.prefix(delta.skipped).map(\.uri))
        // The init segment goes on from what was skipped.
        let rest = delta.all.map { segment in
          var segment = segment
          segment.map = segment.map ?? mine.last?.map
          return segment
        }
        #expect(rest.map(\.map) == full.all.dropFirst(delta.skipped).map(\.map))
        #expect(rest.map(\.uri) == full.all.dropFirst(delta.skipped).map(\.uri))
        #expect(rest.map(\.parts) == full.all.dropFirst(delta.skipped).map(\.parts))
        #expect(rest.map(\.date) == full.all.dropFirst(delta.skipped).map(\.date))
        #expect(
          rest.map(\.hasDiscontinuity) == full.all.dropFirst(delta.skipped).map(\.hasDiscontinuity)
        )
      }
    }
  }

  @Test(arguments: [Scenario.outage, .gapsPastBoundary])
  func `HLS-074 what is skipped was listed before, though gaps are listed all at once`(
    _ scenario: Scenario
  ) throws {
    var skipsGaps = false
    for (name, seen) in scenario.playlists {
      for (before, after) in zip(seen, seen.dropFirst()) {
        let snapshot = scenario.snapshots[after.snapshot]
        let state = try #require(snapshot.renditions.first { $0.info.name == name })
        let delta = try StrictPlaylist(
          MediaPlaylist(state, of: snapshot, asOf: try #require(state.edge)).render(skips: true)
        )
        let skipped = after.playlist.segments.prefix(delta.skipped)
        let known = Set(before.playlist.segments.map(\.number))
        #expect(skipped.allSatisfy { known.contains($0.number) })
        skipsGaps = skipsGaps || skipped.contains(where: \.isGap)
      }
    }
    #expect(skipsGaps || scenario !== Scenario.gapsPastBoundary)
  }

  @Test func `HLS-074 with a window of a minute more than half of it is skipped`() throws {
    let broadcast = RecordedBroadcast.scripted([.video("video"), .audio()], seconds: 70)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast)
    let snapshot = try #require(bridge.last)
    let state = snapshot.renditions[0]
    let playlist = MediaPlaylist(state, of: snapshot, asOf: try #require(state.edge))
    let full = try StrictPlaylist(playlist.render())
    let delta = try StrictPlaylist(playlist.render(skips: true))
    #expect(delta.version == 9)
    #expect(delta.skipped > full.segments.count / 2)
    #expect(delta.skipped + delta.all.count == full.all.count)
    #expect(delta.all.map(\.uri) == full.all.dropFirst(delta.skipped).map(\.uri))
    // One segment more would lie inside the boundary of six target durations.
    let kept = delta.all.reduce(0) { sum, segment in
      sum + (segment.duration ?? segment.parts.reduce(0) { $0 + $1.duration })
    }
    #expect(kept >= 1_200_000 && kept < 1_200_000 + 200_000)
  }

  @Test(arguments: Scenario.all)
  func `HLS-077 tags of a segment come before its first part`(_ scenario: Scenario) {
    // The parser refuses anything else: a scenario without playlists would pass for nothing.
    #expect(scenario.playlists.count == scenario.last.renditions.count)
    #expect(scenario.playlists.values.allSatisfy { $0.count > 5 })
  }
}

/// What blocking reloads may ask for, over every small window.
@Suite struct AvailabilityTests {
  /// Segments 10 and 11 with three parts each, and 12 growing with `parts`; none growing when 0.
  private func state(parts: Int) -> RenditionSnapshot {
    let epoch = Epoch(name: "1", zero: UTCTime(microseconds: 0))
    let header = InitSegment(bytes: Bytes(utf8: "h"), name: "h")
    func segment(_ number: Int64, _ count: Int, isComplete: Bool) -> Segment {
      Segment(
        number: number,
        epoch: epoch,
        initSegment: header,
        timescale: 10,
        start: number * 30,
        isDiscontinuity: false,
        discontinuitySequence: 0,
        parts: (0..<count).map { index in
          Part(
            start: number * 30 + Int64(index) * 10,
            duration: 10,
            independentByteCount: index == 0 ? 1 : nil,
            isGap: false,
            pieces: [Bytes(utf8: "x")]
          )
        },
        duration: isComplete ? 30 : nil
      )
    }
    var segments = [segment(10, 3, isComplete: true), segment(11, 3, isComplete: true)]
    if parts > 0 { segments.append(segment(12, parts, isComplete: false)) }
    return RenditionSnapshot(
      info: RenditionInfo(name: "v", kind: .video, timescale: 10, codec: "avc1.64001f"),
      segments: segments
    )
  }

  @Test(arguments: 0...3)
  func `HLS-061 to HLS-066 every question has the answer of the specification`(_ parts: Int) {
    let state = state(parts: parts)
    let limit = 4
    for number in Int64(8)...16 {
      #expect(
        state.availability(ofSegment: number, part: nil, advancePartLimit: limit)
          == (number <= 11 ? .ready : number <= 13 ? .pending(.segment(number)) : .tooFarAhead)
      )
      for part in 0...9 {
        let answer = state.availability(ofSegment: number, part: part, advancePartLimit: limit)
        let expected: Availability
        if number >= 14 {
          expected = .tooFarAhead
        } else if number < 11 || number == 11 && (part < 3 || parts > 0)
          || number == 12 && part < parts
        {
          expected = .ready
        } else if number == 11 {
          // Past the last part of a finished segment: the first of the next.
          expected = .pending(.part(12, 0))
        } else {
          let newest = number == 12 ? parts : 0
          expected = part >= newest + limit ? .tooFarAhead : .pending(.part(number, part))
        }
        #expect(answer == expected, "segment \(number) part \(part)")
      }
    }
  }

  @Test func `HLS-066 the advance part limit is three seconds of parts, three at least`() {
    func limit(_ milliseconds: Int) -> Int {
      LowLatency(
        PresentationSnapshot.Constants(
          targetDuration: 2,
          partTargetMilliseconds: milliseconds,
          segmentLength: .init(ticks: 2, timescale: 1),
          window: .seconds(60),
          publishDelayMilliseconds: 0,
          zero: UTCTime(microseconds: 0)
        )
      ).advancePartLimit
    }
    #expect([200, 300, 334, 500, 999, 1000, 4000].map(limit) == [15, 10, 9, 6, 4, 3, 3])
  }

  @Test func `HLS-064 a part that never comes is satisfied by the next segment's first`() {
    #expect(state(parts: 0).satisfied(.part(11, 3)) == nil)
    #expect(state(parts: 1).satisfied(.part(11, 3)) == .part(12, 0))
    #expect(state(parts: 2).satisfied(.part(12, 2)) == nil)
    #expect(state(parts: 3).satisfied(.part(12, 2)) == .part(12, 2))
    #expect(state(parts: 3).satisfied(.segment(12)) == nil)
  }
}
