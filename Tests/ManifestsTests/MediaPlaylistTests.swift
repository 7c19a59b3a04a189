import Manifests
import Packaging
import TestSupport
import Testing
import Wire

/// Requirements on media playlists that hold for any latency.
@Suite struct MediaPlaylistTests {
  @Test(arguments: Scenario.all)
  func `HLS-001 every playlist is well-formed text with each once-only tag once`(
    _ scenario: Scenario
  ) throws {
    var count = 0
    for snapshot in scenario.snapshots {
      _ = try StrictPlaylist(MultivariantPlaylist.render(snapshot))
      for rendition in snapshot.renditions {
        guard let edge = rendition.edge else { continue }
        let playlist = MediaPlaylist(rendition, of: snapshot, asOf: edge)
        _ = try StrictPlaylist(playlist.render())
        _ = try StrictPlaylist(playlist.render(skips: true))
        count += 1
      }
    }
    #expect(count > 20)
  }

  @Test(arguments: Scenario.all)
  func `HLS-003 the version is 6, and 9 with EXT-X-SKIP`(_ scenario: Scenario) throws {
    #expect(scenario.all.allSatisfy { $0.version == 6 && $0.skipped == 0 })
    let rendition = scenario.last.renditions[0]
    let edge = try #require(rendition.edge)
    let delta = try StrictPlaylist(
      MediaPlaylist(rendition, of: scenario.last, asOf: edge).render(skips: true)
    )
    #expect(delta.version == (delta.skipped > 0 ? 9 : 6))
  }

  @Test(arguments: Scenario.all)
  func `HLS-004 attributes have the types that the specification gives them`(
    _ scenario: Scenario
  ) {
    for playlist in scenario.all {
      #expect(playlist.control["CAN-BLOCK-RELOAD"] == .enumerated("YES"))
      for name in ["PART-HOLD-BACK", "HOLD-BACK", "CAN-SKIP-UNTIL"] {
        guard case .decimal? = playlist.control[name] else {
          Issue.record("\(name) is \(String(describing: playlist.control[name]))")
          continue
        }
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-011 the target duration is a constant of at least one second`(_ scenario: Scenario) {
    let values = Set(scenario.all.map(\.targetDuration))
    #expect(values.count == 1)
    #expect((values.first ?? 0) ?? 0 >= 1)
  }

  @Test(arguments: Scenario.all)
  func `HLS-012 every EXTINF rounds to at most the target duration`(_ scenario: Scenario) {
    for playlist in scenario.all {
      let target = playlist.targetDuration ?? 0
      for segment in playlist.segments {
        #expect((segment.duration ?? 0) + 50_000 < (target + 1) * 100_000, "\(segment)")
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-013 HLS-041 all playlists share target duration and server control`(
    _ scenario: Scenario
  ) {
    #expect(Set(scenario.all.map(\.targetDuration)).count == 1)
    #expect(Set(scenario.all.map(\.partTarget)).count == 1)
    let first = scenario.all.first?.control
    #expect(scenario.all.allSatisfy { $0.control == first })
  }

  @Test(arguments: Scenario.all)
  func `HLS-014 the media sequence grows by what leaves and never goes back`(
    _ scenario: Scenario
  ) {
    for (name, seen) in scenario.playlists {
      var edge = (number: 0, part: -1)
      for (before, after) in zip(seen, seen.dropFirst()) {
        let old = before.playlist.all
        let new = after.playlist.all
        let oldFirst = before.playlist.mediaSequence ?? 0
        let newFirst = after.playlist.mediaSequence ?? 0
        #expect(newFirst >= oldFirst, "\(name)")
        #expect(oldFirst > 0)
        // What is gone is exactly what the number grew by, unless everything is gone.
        let removed = old.count { $0.number < newFirst }
        #expect(removed == min(newFirst - oldFirst, old.count))
        #expect(new.first?.number == newFirst)
        let now = after.playlist.edge
        let isAhead =
          now.number > edge.number || now.number == edge.number && now.part ?? .max >= edge.part
        #expect(isAhead, "\(name): \(now) after \(edge)")
        edge = (now.number, now.part ?? .max)
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-015 CMAF-017 durations are those of the media to a millisecond, without drift`(
    _ scenario: Scenario
  ) {
    for rendition in scenario.last.renditions {
      guard let playlist = scenario.playlists[rendition.info.name]?.last?.playlist else { continue }
      var drift = 0.0
      for segment in playlist.segments where !segment.isGap {
        let media = rendition.segments.first { $0.number == Int64(segment.number) }
        let exact = media.map {
          Double($0.parts.reduce(0) { $0 + $1.duration }) * 100_000 / Double($0.timescale)
        }
        let error = Double(segment.duration ?? 0) - (exact ?? 0)
        #expect(abs(error) <= 100, "\(segment)")
        drift += error
      }
      #expect(abs(drift) < 1600)
      #expect(!playlist.segments.isEmpty)
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-016 HLS-072 ENDLIST comes with the end and never before`(_ scenario: Scenario) {
    for (name, seen) in scenario.playlists {
      for (index, one) in seen.enumerated() {
        let snapshot = scenario.snapshots[one.snapshot]
        let isOver = snapshot.renditions.contains { $0.info.name == name && snapshot.isOver($0) }
        #expect(one.playlist.hasEnded == isOver)
        #expect((one.playlist.hint == nil) == isOver, "HLS-054")
        if one.playlist.hasEnded { #expect(index == seen.count - 1) }
        #expect(!one.bytes.text.contains("EXT-X-PLAYLIST-TYPE"))
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-017 a playlist never shrinks below six segments`(_ scenario: Scenario) {
    for (name, seen) in scenario.playlists where scenario !== Scenario.longOutage {
      var hadSix = false
      for one in seen {
        let count = one.playlist.segments.count
        if hadSix { #expect(count >= 5 && one.playlist.all.count >= 6, "\(name): \(count)") }
        hadSix = hadSix || count >= 6
      }
      #expect(hadSix, "\(name)")
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-019 HLS-021 what a number means never changes, and no name is used twice`(
    _ scenario: Scenario
  ) {
    for (name, seen) in scenario.playlists {
      var known: [Int: StrictPlaylist.Segment] = [:]
      var numbers: [String: Int] = [:]
      var partsOf: [Int: [StrictPlaylist.Part]] = [:]
      for one in seen {
        for segment in one.playlist.all {
          // Parts only append while they are listed.
          let parts = partsOf[segment.number] ?? []
          let isPrefix = segment.parts.starts(with: parts) || segment.parts.isEmpty
          #expect(isPrefix, "\(name) \(segment.number)")
          partsOf[segment.number] = segment.parts.isEmpty ? parts : segment.parts
          guard segment.uri != nil else { continue }
          var core = segment
          core.parts = []
          // The tag leaves with what was before it; the count stays.
          core.hasDiscontinuity = false
          let first = known[segment.number]
          #expect(
            first == nil || first == core,
            "\(name): \(core) was \(String(describing: first))"
          )
          known[segment.number] = core
          if let uri = segment.uri {
            #expect(numbers[uri] ?? segment.number == segment.number)
            numbers[uri] = segment.number
          }
        }
      }
      #expect(known.count > 5)
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-020 CMAF-001 every name that is listed is held`(_ scenario: Scenario) {
    for (name, seen) in scenario.playlists {
      for one in seen.suffix(40) {
        let rendition = scenario.snapshots[one.snapshot].renditions.first { $0.info.name == name }
        let segments = rendition?.segments ?? []
        for listed in one.playlist.all {
          let held = segments.first { $0.number == Int64(listed.number) }
          if !listed.isGap, let uri = listed.uri {
            #expect(held.map { MediaPath.segment($0.epoch, start: $0.start) } == uri)
            #expect(held?.isComplete == true && held?.byteCount ?? 0 > 0)
          }
          #expect(held.map { MediaPath.initSegment($0.initSegment) } == listed.map)
          for part in listed.parts where !part.isGap {
            let found = held?.parts.first { $0.start == MediaName(part.uri)?.ticks }
            #expect(found?.byteCount ?? 0 > 0, "\(part)")
          }
        }
      }
    }
  }

  @Test func `HLS-021 the bytes of a name are the same in every later state`() {
    for scenario in [Scenario.ladder, .restart, .outage] {
      var bytes: [String: [Bytes]] = [:]
      for rendition in scenario.snapshots.flatMap(\.renditions) {
        for segment in rendition.segments {
          for part in segment.parts where !part.isGap {
            let name = rendition.info.name + "/" + MediaPath.part(segment.epoch, start: part.start)
            #expect(bytes[name] ?? part.pieces == part.pieces, "\(name)")
            bytes[name] = part.pieces
          }
        }
      }
      #expect(bytes.count > 50)
    }
  }

  @Test(arguments: [Scenario.ladder, .longGroups, .ntsc])
  func `HLS-022 HLS-052 media stays for its own length and a playlist's after it left`(
    _ scenario: Scenario
  ) {
    for (name, seen) in scenario.playlists {
      let longest =
        seen.map { $0.playlist.segments.reduce(0) { $0 + ($1.duration ?? 0) } }.max() ?? 0
      for one in seen {
        let segments =
          scenario.snapshots[one.snapshot].renditions.first { $0.info.name == name }?.segments ?? []
        guard let edge = segments.last?.endTime, let oldest = segments.first,
          oldest.number > scenario.playlists[name]?.first?.playlist.mediaSequence.map(Int64.init)
            ?? 0
        else { continue }
        // The oldest held ended this long ago; the one before it was let go.
        let age = edge.microseconds - oldest.startTime.microseconds
        #expect(age / 10 >= Int64(longest) * 2, "\(name)")
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-023 every segment has its init segment, repeated after a discontinuity`(
    _ scenario: Scenario
  ) {
    for one in scenario.playlists.values.joined() {
      #expect(one.playlist.all.allSatisfy { $0.map?.hasSuffix(".mp4") == true })
      let lines = one.bytes.text.split(separator: "\n")
      for index in lines.indices where lines[index] == "#EXT-X-DISCONTINUITY" {
        #expect(lines[index + 1].hasPrefix("#EXT-X-MAP"))
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-024 HLS-025 dates are linear in the media of a discontinuity's range`(
    _ scenario: Scenario
  ) throws {
    for (name, seen) in scenario.playlists {
      for playlist in seen.suffix(30).map(\.playlist) {
        #expect(playlist.all.allSatisfy { $0.date.flatMap(microseconds) != nil }, "\(name)")
        for (segment, next) in zip(playlist.all, playlist.all.dropFirst())
        where !next.hasDiscontinuity {
          let start = try #require(microseconds(segment.date ?? ""))
          let end = start + Int64(segment.duration ?? 0) * 10
          let date = try #require(microseconds(next.date ?? ""))
          #expect(abs(date - end) <= 10_000, "\(name): \(segment) then \(next)")
        }
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-025 HLS-026 date minus media time is one constant for all renditions`(
    _ scenario: Scenario
  ) throws {
    var offsets: [String: Int64] = [:]
    for (name, seen) in scenario.playlists {
      let rendition = scenario.last.renditions.first { $0.info.name == name }
      let scale = Int64(try #require(rendition).info.timescale)
      for segment in seen.flatMap({ $0.playlist.segments.suffix(2) }) where !segment.isGap {
        let media = try #require(segment.uri.flatMap(MediaName.init))
        let date = try #require(microseconds(segment.date ?? ""))
        let offset = date - media.ticks * 1_000_000 / scale
        let key = media.epoch
        #expect(abs((offsets[key] ?? offset) - offset) <= 10_000, "\(name) \(segment)")
        offsets[key] = offsets[key] ?? offset
      }
    }
    #expect(!offsets.isEmpty)
  }

  @Test(arguments: Scenario.all)
  func `HLS-028 CMAF-005 media time is continuous except at a discontinuity or gap`(
    _ scenario: Scenario
  ) throws {
    for rendition in scenario.last.renditions {
      let segments = rendition.segments
      for (segment, next) in zip(segments, segments.dropFirst()) {
        for (part, following) in zip(segment.parts, segment.parts.dropFirst()) {
          #expect(part.end == following.start)
        }
        if next.isDiscontinuity || segment.isGap || next.isGap { continue }
        #expect(segment.end == next.start, "\(rendition.info.name) \(next.number)")
      }
    }
  }

  @Test func `HLS-028 a restart and an outage are discontinuities, smooth media never is`() throws {
    for scenario in Scenario.smooth {
      #expect(!scenario.all.contains { $0.all.contains(where: \.hasDiscontinuity) })
    }
    for scenario in [Scenario.restart, .outage] {
      for (name, seen) in scenario.playlists {
        let last = try #require(seen.last).playlist
        let starts = seen.map { $0.playlist.all.count(where: \.hasDiscontinuity) }
        #expect(starts.max() == 1, "\(scenario) \(name)")
        #expect(last.all.last?.discontinuitySequence == 1)
        // It has left the front at last or is still inside; the count is kept either way.
        #expect(seen.allSatisfy { ($0.playlist.discontinuitySequence ?? -1) >= 0 })
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-029 equal dates have equal discontinuity numbers in all renditions`(
    _ scenario: Scenario
  ) {
    var sequence: [Int: Int] = [:]
    for segment in scenario.all.flatMap(\.all) {
      #expect(
        sequence[segment.number] ?? segment.discontinuitySequence
          == segment.discontinuitySequence
      )
      sequence[segment.number] = segment.discontinuitySequence
    }
  }

  @Test func `HLS-030 lost media is a gap of the right length, and nothing else is`() throws {
    for scenario in Scenario.smooth {
      #expect(
        !scenario.all.contains { $0.all.contains { $0.isGap || $0.parts.contains(where: \.isGap) } }
      )
    }
    // Group 5 of one rendition: number base + 5.
    let base = try #require(Scenario.loss.last.renditions[0].segments.first?.number)
    for (name, seen) in Scenario.loss.playlists {
      let gaps = Set(seen.flatMap { $0.playlist.segments.filter(\.isGap) }.map(\.number))
      #expect(gaps == (name == "low" ? [Int(base) + 5] : []), "\(name)")
      #expect(
        seen.flatMap(\.playlist.segments).allSatisfy { $0.duration == 200_000 || name == "audio" }
      )
    }
    let parts = Scenario.loss.playlists["low"]?.flatMap { $0.playlist.all.flatMap(\.parts) } ?? []
    #expect(parts.contains { $0.isGap })
    // Eight seconds away are three whole segments besides those that were cut short.
    for (name, seen) in Scenario.outage.playlists {
      let gaps = Set(seen.flatMap { $0.playlist.segments.filter(\.isGap) }.map(\.number))
      #expect(gaps.count == 4, "\(name): \(gaps)")
    }
  }

  @Test func `HLS-033 media time goes on after a restart that goes back`() throws {
    for (name, seen) in Scenario.restart.playlists {
      var end: Int64 = 0
      for segment in try #require(seen.last).playlist.segments where !segment.isGap {
        let media = try #require(segment.uri.flatMap(MediaName.init))
        #expect(media.ticks >= end, "\(name)")
        end = media.ticks
      }
      let epochs = Set(
        seen.flatMap { $0.playlist.segments.compactMap(\.uri) }.compactMap {
          MediaName($0)?.epoch
        }
      )
      #expect(epochs.count == 2, "\(name)")
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-032 CMAF-011 CMAF-012 equal numbers start together in all renditions`(
    _ scenario: Scenario
  ) {
    var starts: [Int64: Int64] = [:]
    for rendition in scenario.last.renditions {
      for segment in rendition.segments where !segment.isGap {
        let time = segment.startTime.microseconds
        let first = starts[segment.number] ?? time
        // Objects of many audio frames can't be cut closer than half of one.
        let chunk = rendition.chunkDuration * 1_000_000 / Int64(rendition.info.timescale)
        let tolerance = max(50_000, chunk / 2 + 1000)
        #expect(abs(first - time) <= tolerance, "\(rendition.info.name) \(segment.number)")
        if rendition.info.kind == .video { #expect(first == time) }
        starts[segment.number] = first
      }
    }
  }

  @Test func `a long outage clears the playlist and numbers go on`() throws {
    for seen in Scenario.longOutage.playlists.values {
      let last = try #require(seen.last).playlist
      let first = try #require(seen.first).playlist
      #expect(!last.all.contains { $0.isGap })
      #expect(last.all.count <= 9)
      #expect(last.mediaSequence ?? 0 >= (first.mediaSequence ?? 0) + 50)
    }
  }
}
