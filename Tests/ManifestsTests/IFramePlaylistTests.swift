import Manifests
import Packaging
import TestSupport
import Testing
import Wire

/// Playlists of first pictures alone.
@Suite struct IFramePlaylistTests {
  private func playlist(_ rendition: RenditionSnapshot, _ snapshot: PresentationSnapshot) throws
    -> StrictPlaylist?
  {
    guard let edge = rendition.edge(of: .iFrames) else { return nil }
    return try StrictPlaylist(
      MediaPlaylist(rendition, .iFrames, of: snapshot, asOf: edge).render()
    )
  }

  @Test(arguments: Scenario.all)
  func `every whole segment of the media playlist is listed, by its first picture`(
    _ scenario: Scenario
  ) throws {
    for snapshot in MediaPresentationTests.states(scenario) {
      for rendition in snapshot.renditions where rendition.info.kind == .video {
        guard let edge = rendition.edge, let playlist = try playlist(rendition, snapshot) else {
          continue
        }
        let media = try StrictPlaylist(
          MediaPlaylist(rendition, of: snapshot, asOf: edge).render()
        )
        #expect(playlist.hasIFramesOnly && !media.hasIFramesOnly)
        #expect(playlist.partTarget == nil && playlist.hint == nil && playlist.reports == [])
        #expect(playlist.open == nil)
        // HLS-013, HLS-041: as all playlists.
        #expect(playlist.targetDuration == media.targetDuration)
        #expect(playlist.control == media.control)
        #expect(playlist.hasEnded == media.hasEnded)
        // Beginning where its own edge puts the window, it has the other's segments and no more.
        let both = playlist.segments.suffix(media.segments.count)
        #expect(both.map(\.number) == media.segments.suffix(both.count).map(\.number))
        for (pictures, whole) in zip(both, media.segments.suffix(both.count)) {
          #expect(pictures.uri == whole.uri && pictures.duration == whole.duration)
          #expect(pictures.date == whole.date && pictures.map == whole.map)
          #expect(pictures.isGap == whole.isGap)
          #expect(pictures.discontinuitySequence == whole.discontinuitySequence)
          let segment = rendition.segments.first { Int($0.number) == whole.number }
          // One frame of these broadcasts is a chunk.
          let first = segment?.parts.first?.pieces.first?.count
          #expect(pictures.byteCount == (whole.isGap && first == nil ? nil : first))
        }
      }
    }
  }

  @Test func `the multivariant playlist names one for each video, with its own rate`() throws {
    for scenario in Scenario.all {
      let playlist = try StrictPlaylist(MultivariantPlaylist.render(scenario.last))
      let videos = scenario.last.renditions.filter { $0.info.kind == .video && $0.isNamed }
      #expect(playlist.iFrameVariants.count == videos.count)
      for (variant, video) in zip(playlist.iFrameVariants, videos) {
        #expect(variant["URI"] == .quoted("\(video.info.name)/iframes.m3u8"))
        #expect(variant["CODECS"] == .quoted(video.info.codec))
        #expect(variant["RESOLUTION"] == .resolution(video.info.width, video.info.height))
        let densest = try self.playlist(video, scenario.last)?.segments.map { segment in
          (segment.byteCount ?? 0) * 800_000 / (segment.duration ?? 1)
        }.max()
        guard case .integer(let rate)? = variant["BANDWIDTH"] else {
          Issue.record("no BANDWIDTH")
          continue
        }
        #expect(rate >= densest ?? .max)
        // A step of rates is 20 % at most.
        #expect(rate * 5 <= (densest ?? 0) * 6)
      }
    }
  }

  @Test func `a state without a whole segment has none`() throws {
    let state = try #require(
      Scenario.ladder.snapshots.last { $0.renditions[0].segments.last?.isComplete == false }
    )
    let snapshot = PresentationSnapshot(
      constants: state.constants,
      renditions: state.renditions.map { rendition in
        RenditionSnapshot(info: rendition.info, segments: rendition.segments.suffix(1))
      },
      periods: state.periods,
      isEnded: false
    )
    #expect(try playlist(snapshot.renditions[0], snapshot) == nil)
    #expect(try StrictPlaylist(MultivariantPlaylist.render(snapshot)).iFrameVariants.isEmpty)
  }
}
