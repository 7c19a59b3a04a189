import CMAF
import Manifests
import Packaging
import TestSupport
import Testing
import Wire

extension Scenario {
  /// The smaller picture is taken out of the catalog, some media after its last group began.
  static let removedTrack: Scenario = removal(after: 14_000_000)

  /// What one bridge publishes that retires the smaller picture at a time.
  static func removal(after time: Int64) -> Scenario {
    let broadcast = RecordedBroadcast.scripted(ladderTracks, seconds: 40)
    let entries = broadcast.entries.filter { $0.track != 1 || $0.sentAt < 12_600_000 }
    var bridge = SimulatedBridge(broadcast, policy: policy)
    bridge.run(broadcast, entries.filter { $0.sentAt < time })
    bridge.retire([1])
    bridge.run(broadcast, entries.filter { $0.sentAt >= time })
    return Scenario("a track is removed", bridge.snapshots)
  }

  /// A publisher whose tracks have other names comes after one that has died.
  static let renamedTracks: Scenario = renaming(after: 18_000_000)

  static func renaming(after time: Int64) -> Scenario {
    let broadcast = RecordedBroadcast.scripted(
      [.video("v"), .audio("a"), .video("w"), .audio("b")],
      seconds: 44
    )
    let entries = broadcast.entries.filter { entry in
      entry.track < 2
        ? entry.sentAt < 12_600_000 : entry.start >= 16 * (entry.track == 2 ? 90_000 : 48_000)
    }
    var first = broadcast
    first.tracks.removeLast(2)
    var bridge = SimulatedBridge(first, policy: policy)
    bridge.run(broadcast, entries.filter { $0.track < 2 })
    bridge.presentation.notePresent([])
    for track in broadcast.tracks.suffix(2) { _ = bridge.presentation.addTrack(track) }
    bridge.run(broadcast, entries.filter { $0.track >= 2 && $0.sentAt < time })
    bridge.retire([0, 1])
    bridge.run(broadcast, entries.filter { $0.track >= 2 && $0.sentAt >= time })
    return Scenario("all tracks get other names", bridge.snapshots)
  }
}

extension Scenario {
  /// As before, and the clock of the publisher that comes begins at 0.
  static let renamedAnew: Scenario = {
    let tracks: [ScriptedTrack] = [.video("v"), .audio("a"), .video("w"), .audio("b")]
    let first = RecordedBroadcast.scripted(Array(tracks.prefix(2)), seconds: 12)
    let second = RecordedBroadcast.scripted(tracks, seconds: 30, sendDelay: 16_000_000)
    let entries = second.entries.filter { $0.track >= 2 }
    var bridge = SimulatedBridge(first, policy: policy)
    bridge.run(first)
    bridge.presentation.notePresent([])
    for track in second.tracks.suffix(2) { _ = bridge.presentation.addTrack(track) }
    bridge.run(second, entries.filter { $0.sentAt < 18_600_000 })
    bridge.presentation.notePresent([2, 3])
    bridge.retire([0, 1])
    bridge.run(second, entries.filter { $0.sentAt >= 18_600_000 })
    return Scenario("all tracks get other names and a new clock", bridge.snapshots)
  }()
}

/// What playlists and manifests say when tracks come and go.
@Suite struct TrackChangeTests {
  private func variants(_ snapshot: PresentationSnapshot) -> [Substring] {
    MultivariantPlaylist.render(snapshot).text.split(separator: "\n").filter { !$0.hasPrefix("#") }
  }

  /// The sets of each Period, by their ids.
  private func sets(_ snapshot: PresentationSnapshot) throws -> [String: [String: [String]]] {
    let manifest = try Manifest(snapshot)
    var result: [String: [String: [String]]] = [:]
    for period in manifest.strings("//m:Period/@id") {
      let path = "//m:Period[@id='\(period)']/m:AdaptationSet"
      result[period] = [:]
      for id in manifest.strings("\(path)/@id") {
        result[period]?[id] = manifest.strings("\(path)[@id='\(id)']/m:Representation/@id")
      }
    }
    return result
  }

  @Test(arguments: [Scenario.lateTrack, .removedTrack, .renamedTracks, .renamedAnew])
  func `DASH-021 a Period keeps its sets as long as it is listed`(_ scenario: Scenario) throws {
    var known: [String: [String: [String]]] = [:]
    for snapshot in scenario.snapshots {
      let now = try sets(snapshot)
      for (period, sets) in now {
        if let before = known[period] { #expect(sets == before, "\(period)") }
        known[period] = sets
      }
    }
    #expect(known.count >= 2)
  }

  @Test(arguments: [Scenario.lateTrack, .removedTrack, .renamedTracks, .renamedAnew])
  func `DASH-021 a segment stays in the Period in which it was listed first`(
    _ scenario: Scenario
  ) throws {
    var known: [String: String] = [:]
    for snapshot in scenario.snapshots {
      let manifest = try Manifest(snapshot)
      for (index, period) in manifest.strings("//m:Period/@id").enumerated() {
        let path = "//m:Period[@id='\(period)']//m:Representation/@id"
        for name in manifest.strings(path) {
          for segment in manifest.segments(period: index + 1, id: name) {
            let key = "\(name) \(segment.start)"
            #expect(known[key] ?? period == period, "\(key)")
            known[key] = period
          }
        }
      }
    }
  }

  @Test func `a track that was removed is named no more, and its playlist ends`() throws {
    let scenario = Scenario.removedTrack
    #expect(variants(scenario.snapshots[0]).contains("low/media.m3u8"))
    #expect(variants(scenario.last) == ["high/media.m3u8"])
    let low = try #require(scenario.playlists["low"]?.last?.playlist)
    #expect(low.hasEnded && low.hint == nil)
    // What was there of its last segment is there for who plays it.
    let rendition = try #require(scenario.last.renditions.first { $0.info.name == "low" })
    #expect(rendition.segments.last?.isComplete == true)
    let end = try #require(rendition.segments.last?.endTime.microseconds)
    #expect(end == RecordedBroadcast.epoch.microseconds + 12_560_000)
    let others = try #require(scenario.playlists["high"]?.last)
    #expect(!others.bytes.text.contains("../low/"))
    #expect(others.bytes.text.contains("../audio/"))
    #expect(try sets(scenario.last).values.filter { $0.values.joined().contains("low") }.isEmpty)
  }

  @Test func `a publisher's tracks are replaced all at once`() throws {
    let scenario = Scenario.renamedTracks
    var seen: [[Substring]] = []
    for snapshot in scenario.snapshots where variants(snapshot) != seen.last {
      seen.append(variants(snapshot))
    }
    #expect(seen == [["v/media.m3u8"], ["w/media.m3u8"]])
    let last = MultivariantPlaylist.render(scenario.last).text
    #expect(!last.contains("\"a/"))
    for name in ["v", "a"] { #expect(scenario.playlists[name]?.last?.playlist.hasEnded == true) }
    #expect(try sets(scenario.last).values.allSatisfy { $0 == ["0": ["w"], "1": ["b"]] })
    // It goes on in step with the old one's numbers.
    for rendition in scenario.last.renditions {
      let numbers = rendition.segments.map(\.number)
      #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $1 == $0 + 1 })
    }
  }

  @Test func `a publisher that comes with other names may begin its clock anew`() throws {
    let scenario = Scenario.renamedAnew
    #expect(variants(scenario.last) == ["w/media.m3u8"])
    for rendition in scenario.last.renditions.suffix(2) {
      let segments = rendition.segments
      #expect(segments.count >= 12 && segments.allSatisfy { !$0.isGap })
      #expect(Set(segments.map(\.epoch.name)).count == 1)
      let edge = try #require(segments.last?.endTime.microseconds)
      // 30 s from 16 s on.
      #expect(abs(edge - RecordedBroadcast.epoch.microseconds - 46_000_000) < 2_100_000)
    }
  }

  @Test(arguments: [false, true])
  func `it does not matter when a bridge hears of it`(_ areAllRenamed: Bool) throws {
    // The new publisher's media comes from 16 s on.
    let times: [Int64] = [14_610_000, 15_000_000, 15_390_000]
    let results = times.map { time in
      areAllRenamed ? Scenario.renaming(after: time + 3_600_000) : Scenario.removal(after: time)
    }
    for result in results.dropFirst() {
      for name in results[0].last.renditions.map(\.info.name) {
        #expect(result.playlists[name]?.last?.bytes == results[0].playlists[name]?.last?.bytes)
      }
      #expect(try manifest(result) == manifest(results[0]))
      #expect(
        MultivariantPlaylist.render(result.last) == MultivariantPlaylist.render(results[0].last)
      )
    }
  }

  private func manifest(_ scenario: Scenario) throws -> Bytes {
    let manifest = try Manifest(scenario.last)
    return manifest.bytes
  }
}
