import Testing
import Wire

@testable import MoQ

/// hang's catalogs of several years, read as MSF's.
@Suite struct HangCatalogTests {
  private func tracks(_ text: String) throws -> [CatalogTrack] {
    guard case .independent(let catalog, let problems) = try CatalogUpdate.decode(Bytes(utf8: text))
    else { throw CatalogError.otherFormat("a delta") }
    #expect(problems.isEmpty)
    return catalog.tracks
  }

  @Test func `renditions of today: frames and fragments, configuration in hexadecimal`() throws {
    let tracks = try tracks(
      #"""
      {"video":{"renditions":{"video0":{"codec":"avc1.64001f","description":"0164001fffe1",
      "codedWidth":1280,"codedHeight":720,"framerate":29.97,"bitrate":3000000,
      "container":{"kind":"legacy"}},"hd":{"codec":"avc1.640028","container":{"kind":"cmaf",
      "init":"AAAAGGZ0eXA="}}},"display":{"width":1280,"height":720}},"audio":{"renditions":{"audio1":
      {"codec":"mp4a.40.2","sampleRate":44100,"numberOfChannels":2,"bitrate":283637,"jitter":23}}},
      "scte35":{"track":"x"}}
      """#
    )
    #expect(tracks.map(\.name) == ["hd", "video0", "audio1"])
    #expect(tracks.map(\.packaging) == [.cmaf, .legacy, .legacy])
    #expect(tracks.map(\.role) == ["video", "video", "audio"])
    #expect(tracks.map(\.altGroup) == [1, 1, nil])
    #expect(tracks[0].initialization == .data(Bytes(utf8: "\0\0\0\u{18}ftyp")))
    #expect(tracks[1].initialization == .data([0x01, 0x64, 0x00, 0x1f, 0xff, 0xe1]))
    #expect(tracks[1].width == 1280 && tracks[1].height == 720)
    #expect(tracks[1].framerateThousandths == 29_970)
    #expect(tracks[2].sampleRate == 44_100 && tracks[2].channelConfiguration == "2")
    #expect(tracks[2].initialization == nil && tracks[2].jitterMilliseconds == 23)
  }

  @Test func `a timeline tells the UTC of media time 0`() throws {
    let tracks = try tracks(
      #"""
      {"audio":{"renditions":{
      "a":{"codec":"opus","timeline":{"track":"a.timeline.z","wall":200000000000}},
      "b":{"codec":"opus","timeline":{"track":"b.timeline.z","timescale":1,"wall":200000000}},
      "c":{"codec":"opus","timeline":{"track":"c.timeline.z"}},
      "d":{"codec":"opus","timeline":{"wall":1,"timescale":0}},
      "e":{"codec":"opus","timeline":{"wall":9223372036854775807,"timescale":1}}}}}
      """#
    )
    // 2,314 days, 19 h 33 min 20 s after 2020-01-01 is 2026-05-03T19:33:20Z.
    let zero: Int64 = 1_777_836_800_000_000
    #expect(tracks.map(\.zeroMicroseconds) == [zero, zero, nil, nil, nil])
  }

  @Test func `lists and single tracks of older publishers`() throws {
    let tracks = try tracks(
      #"""
      {"video":[{"track":{"name":"v0","priority":2},"config":{"codec":"avc3.42c01f"}}],
      "audio":{"track":{"name":"a0"},"config":{"codec":"opus","sampleRate":48000,
      "numberOfChannels":1,"container":{"kind":"loc"}}}}
      """#
    )
    #expect(tracks.map(\.name) == ["v0", "a0"])
    #expect(tracks.map(\.packaging) == [.legacy, .hangLOC])
    #expect(tracks[0].altGroup == nil)
  }

  @Test(
    arguments: [
      ("../b.hang", ["live", "b.hang"]), ("c", ["live", "x", "c"]),
      ("./d/e", ["live", "x", "d", "e"]), ("../../../f", nil),
    ] as [(String, [String]?)]
  )
  func `a rendition of another broadcast is named from there`(_ path: String, _ fields: [String]?)
    throws
  {
    let tracks = try tracks(
      #"{"video":{"renditions":{"v":{"codec":"avc1.64001f","broadcast":"\#(path)"}}}}"#
    )
    let own = try #require(TrackNamespace(text: "live/x/a.hang"))
    let names = tracks[0].fullTrackNames(in: own)
    #expect(
      names
        == (fields.map { [FullTrackName(TrackNamespace($0.map { Bytes(utf8: $0) }), "v")] } ?? [])
    )
  }

  @Test func `kinds that nobody knows are kept as such`() throws {
    let tracks = try tracks(
      #"{"audio":{"renditions":{"a":{"codec":"opus","container":{"kind":"raw"}}}}}"#
    )
    #expect(tracks[0].packaging == .other("raw"))
  }
}
