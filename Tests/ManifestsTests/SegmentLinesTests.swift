import Manifests
import Packaging
import TestSupport
import Testing
import Wire

/// What a playlist takes over from those before it.
@Suite struct SegmentLinesTests {
  /// Playlists of a rendition in every snapshot of a scenario, by `lines` and anew.
  private func expectSame(
    _ scenario: Scenario,
    _ content: MediaPlaylist.Content,
    of name: String,
    _ lines: SegmentLines,
    forgets: Bool = true
  ) -> Int {
    var count = 0
    for snapshot in scenario.snapshots {
      guard let rendition = snapshot.renditions.first(where: { $0.info.name == name }) else {
        continue
      }
      if forgets, let oldest = rendition.segments.first { lines.forget(before: oldest.number) }
      guard let edge = rendition.edge(of: content) else { continue }
      let playlist = MediaPlaylist(rendition, content, of: snapshot, asOf: edge)
      // Delta updates list fewer segments than the playlists between them.
      for skips in [true, false] {
        #expect(playlist.render(skips: skips, lines: lines) == playlist.render(skips: skips))
        count += 1
      }
    }
    return count
  }

  @Test(arguments: Scenario.all)
  func `playlists are the same with what others have said, and without`(_ scenario: Scenario) {
    for rendition in scenario.last.renditions {
      #expect(expectSame(scenario, .media, of: rendition.info.name, SegmentLines()) > 0)
      _ = expectSame(scenario, .iFrames, of: rendition.info.name, SegmentLines())
    }
  }

  @Test func `other segments of the same numbers are not taken for those that are known`() {
    let lines = SegmentLines()
    for scenario in Scenario.all {
      let name = scenario.last.renditions[0].info.name
      #expect(expectSame(scenario, .media, of: name, lines, forgets: false) > 0)
    }
  }

  @Test func `segments that have left the window are let go of`() throws {
    let lines = SegmentLines()
    weak var watched: Segment?
    var number: Int64 = 0
    do {
      let media = try #require(Scenario.all.first).last
      let copied = media.renditions[0].segments.map { segment in
        Segment(
          number: segment.number,
          epoch: segment.epoch,
          initSegment: segment.initSegment,
          timescale: segment.timescale,
          start: segment.start,
          isDiscontinuity: segment.isDiscontinuity,
          discontinuitySequence: segment.discontinuitySequence,
          parts: segment.parts,
          duration: segment.duration,
          isGap: segment.isGap
        )
      }
      let whole = try #require(copied.last { $0.isComplete })
      (watched, number) = (whole, whole.number)
      let rendition = RenditionSnapshot(info: media.renditions[0].info, segments: copied)
      let edge = try #require(rendition.edge)
      _ = MediaPlaylist(rendition, of: media, asOf: edge).render(lines: lines)
    }
    lines.forget(before: number)
    #expect(watched != nil)
    lines.forget(before: number + 1)
    #expect(watched == nil)
  }
}
