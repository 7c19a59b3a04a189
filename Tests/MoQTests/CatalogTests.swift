import MoQ
import Testing
import Wire

@Suite struct CatalogTests {
  func independent(
    _ text: String,
    limits: CatalogLimits = CatalogLimits()
  ) throws -> (Catalog, [CatalogProblem]) {
    guard
      case .independent(let catalog, let problems) = try CatalogUpdate.decode(
        Bytes(utf8: text),
        limits: limits
      )
    else { throw CatalogError.otherFormat("a delta") }
    return (catalog, problems)
  }

  func applying(_ text: String, to catalog: Catalog) throws -> (Catalog, [CatalogProblem]) {
    guard case .delta(let delta) = try CatalogUpdate.decode(Bytes(utf8: text)) else {
      throw CatalogError.otherFormat("no delta")
    }
    return try catalog.applying(delta)
  }

  @Test func `MSF draft-01 with initDataList`() throws {
    let (catalog, problems) = try independent(
      """
      {"version":"draft-01","generatedAt":1795408720349,"tracks":[
       {"name":"video","packaging":"loc","isLive":true,"targetLatency":2000,"role":"video",
        "renderGroup":1,"initRef":"v0","codec":"avc1.64000C","framerate":29.97,"bitrate":51538,
        "width":320,"height":180,"somethingNew":{"a":1}},
       {"name":"audio","packaging":"loc","isLive":true,"role":"audio","codec":"opus",
        "bitrate":120568,"samplerate":48000,"channelConfig":"1"}],
       "initDataList":[{"id":"v0","type":"inline","data":"AWQADP8"}]}
      """
    )
    #expect(problems == [])
    #expect(catalog.version == "draft-01")
    #expect(catalog.generatedAtMilliseconds == 1_795_408_720_349)
    let video = try #require(catalog.tracks.first)
    #expect(video.packaging == .loc)
    #expect(video.initialization == .data([0x01, 0x64, 0x00, 0x0c, 0xff]))
    #expect(video.framerateThousandths == 29970)
    #expect(video.targetLatencyMilliseconds == 2000)
    #expect(video.renderGroup == 1)
    #expect([video.width, video.height, video.bitrate] == [320, 180, 51538])
    let audio = try #require(catalog.tracks.last)
    #expect(audio.sampleRate == 48000)
    #expect(audio.channelConfiguration == "1")
    #expect(audio.initialization == nil)
  }

  @Test func `MSF draft-00 with initData, a numeric version, and mixed-up types`() throws {
    let (catalog, problems) = try independent(
      """
      {"version":1,"deltaUpdate":false,"tracks":[{"name":"v","packaging":"cmaf",
       "initData":"AAAA","codec":"hvc1.1","framerate":"25","width":"1280","height":720.0,
       "altGroup":1},{"name":"a","packaging":"cmaf","codec":"mp4a.40.2","channelConfig":2}]}
      """
    )
    #expect(problems == [])
    #expect(catalog.version == "1")
    let video = try #require(catalog.tracks.first)
    #expect(video.isLive)
    #expect(video.role == "video")
    #expect(video.framerateThousandths == 25000)
    #expect([video.width, video.height] == [1280, 720])
    #expect(video.initialization == .data([0, 0, 0]))
    #expect(catalog.tracks.last?.channelConfiguration == "2")
    #expect(catalog.tracks.last?.role == "audio")
  }

  @Test func `catalogformat-01 with common fields, selection parameters and an init track`() throws
  {
    let (catalog, problems) = try independent(
      """
      {"version":1,"streamingFormat":1,"streamingFormatVersion":"0.2",
       "supportsDeltaUpdates":false,"commonTrackFields":{"namespace":"bbb","renderGroup":1},
       "tracks":[{"name":"1.m4s","initTrack":"0.mp4","selectionParams":
        {"codec":"avc1.64001f","width":1280,"height":720}}]}
      """
    )
    #expect(problems == [])
    let track = try #require(catalog.tracks.first)
    #expect(track.packaging == .cmaf)
    #expect(track.namespace == "bbb")
    #expect(track.renderGroup == 1)
    #expect(track.initialization == .track("0.mp4"))
    #expect(track.codec == "avc1.64001f")
    #expect(track.width == 1280)
  }

  @Test func `snake case is understood`() throws {
    let (catalog, _) = try independent(
      #"{"version":1,"tracks":[{"name":"v","packaging":"cmaf","render_group":2,"alt_group":3}]}"#
    )
    #expect(catalog.tracks.first?.renderGroup == 2)
    #expect(catalog.tracks.first?.altGroup == 3)
  }

  @Test func `a bad track is left out and named, the others stay`() throws {
    let (catalog, problems) = try independent(
      """
      {"version":"1","tracks":[7,{"packaging":"cmaf"},{"name":"x"},{"name":"%v%","packaging":"loc"},
       {"name":"good","packaging":"cmaf","width":"wide","initRef":"gone"}]}
      """
    )
    #expect(catalog.tracks.map(\.name) == ["good"])
    #expect(
      problems == [
        CatalogProblem(track: "#0", field: "tracks", value: "7", isTrackSkipped: true),
        CatalogProblem(track: "#1", field: "name", value: "missing", isTrackSkipped: true),
        CatalogProblem(
          track: "\"x\"",
          field: "packaging",
          value: "missing",
          isTrackSkipped: true
        ),
        CatalogProblem(track: "\"%v%\"", field: "name", value: "\"%v%\"", isTrackSkipped: true),
        CatalogProblem(
          track: "\"good\"",
          field: "width",
          value: "\"wide\"",
          isTrackSkipped: false
        ),
        CatalogProblem(
          track: "\"good\"",
          field: "initRef",
          value: "\"gone\"",
          isTrackSkipped: false
        ),
      ]
    )
  }

  @Test(arguments: [
    ("[1]", "an array of 1"), ("7", "7"),
    (#"{"catalogs":[]}"#, "a catalog of catalogs"), ("{", "not JSON"),
    (#"{"version":"1"}"#, "tracks is missing"), (#"{"tracks":5}"#, "tracks is 5"),
  ])
  func `what is no catalog says so`(_ text: String, _ part: String) {
    do {
      _ = try CatalogUpdate.decode(Bytes(utf8: text))
      Issue.record("decoded")
    } catch {
      #expect(error.description.contains(part), "\(error)")
    }
  }

  @Test func `GZIP is named`() {
    #expect(throws: CatalogError.compressed) {
      try CatalogUpdate.decode([0x1f, 0x8b, 8, 0, 0, 0])
    }
  }

  @Test func `bytes and tracks are limited`() throws {
    let text = #"{"tracks":[{"name":"a","packaging":"loc"},{"name":"b","packaging":"loc"}]}"#
    var limits = CatalogLimits()
    limits.bytes = text.utf8.count
    limits.tracks = 2
    #expect(try independent(text, limits: limits).0.tracks.count == 2)
    limits.tracks = 1
    #expect(throws: CatalogError.tooManyTracks(count: 2, limit: 1)) {
      try independent(text, limits: limits)
    }
    limits.bytes -= 1
    #expect(throws: CatalogError.tooLarge(bytes: text.utf8.count, limit: limits.bytes)) {
      try independent(text, limits: limits)
    }
  }

  @Test func `updates of draft-01 apply in their order`() throws {
    let (base, _) = try independent(
      """
      {"version":"draft-01","tracks":[{"name":"v1","packaging":"cmaf","codec":"avc1","bitrate":1,
       "initRef":"i"},{"name":"v4","packaging":"cmaf"}],
       "initDataList":[{"id":"i","type":"inline","data":"AAAA"}]}
      """
    )
    let (next, problems) = try applying(
      """
      {"generatedAt":5,"deltaUpdate":[
       {"op":"add","tracks":[{"name":"v2","packaging":"cmaf","initRef":"i"}]},
       {"op":"remove","tracks":[{"name":"v4"}]},
       {"op":"clone","tracks":[{"parentName":"v1","name":"v3","bitrate":3}]},
       {"op":"update","tracks":[{"name":"v1","bitrate":9}]}]}
      """,
      to: base
    )
    #expect(problems == [])
    #expect(next.tracks.map(\.name) == ["v1", "v2", "v3"])
    #expect(next.tracks.map(\.bitrate) == [9, nil, 3])
    #expect(next.tracks.map(\.codec) == ["avc1", nil, "avc1"])
    #expect(next.tracks[1].initialization == .data([0, 0, 0]))
    #expect(next.generatedAtMilliseconds == 5)
  }

  @Test func `updates of draft-00 add, clone and then remove`() throws {
    let (base, _) = try independent(
      #"{"version":1,"tracks":[{"name":"a","packaging":"loc","bitrate":1}]}"#
    )
    let (next, _) = try applying(
      """
      {"deltaUpdate":true,"removeTracks":[{"name":"a"}],"cloneTracks":[{"parentName":"a",
       "name":"b"}],"addTracks":[{"name":"c","packaging":"loc"}]}
      """,
      to: base
    )
    #expect(next.tracks.map(\.name) == ["c", "b"])
    #expect(next.tracks.last?.bitrate == 1)
  }

  @Test func `an update that does not fit changes nothing`() throws {
    let (base, _) = try independent(#"{"tracks":[{"name":"a","packaging":"loc"}]}"#)
    #expect(throws: CatalogError.unknownTrack(operation: "clone", name: "x")) {
      try applying(
        #"{"deltaUpdate":[{"op":"clone","tracks":[{"parentName":"x","name":"b"}]}]}"#,
        to: base
      )
    }
    #expect(throws: CatalogError.duplicateTrack(name: "a")) {
      try applying(
        #"{"deltaUpdate":[{"op":"add","tracks":[{"name":"a","packaging":"loc"}]}]}"#,
        to: base
      )
    }
    #expect(throws: CatalogError.field("op", value: "\"swap\"")) {
      try applying(#"{"deltaUpdate":[{"op":"swap","tracks":[{"name":"a"}]}]}"#, to: base)
    }
  }

  @Test func `a finished broadcast may have no tracks`() throws {
    let (catalog, _) = try independent(#"{"version":"1","isComplete":true}"#)
    #expect(catalog.isComplete)
    #expect(catalog.tracks == [])
  }

  @Test func `initialization may be a property`() throws {
    let (catalog, _) = try independent(
      """
      {"tracks":[{"name":"a","packaging":"loc","initRef":"t"},
       {"name":"b","packaging":"loc","initRef":"o"}],"initDataList":[
       {"id":"t","type":"track-property","data":"0x79"},
       {"id":"o","type":"object-property","data":"79"}]}
      """
    )
    #expect(catalog.tracks.map(\.initialization) == [.trackProperty(0x79), .objectProperty(0x79)])
  }

  @Test func `a namespace is the catalog's own in any spelling, else one element or a path`() {
    var track = CatalogTrack(name: "v", packaging: .cmaf)
    let own = TrackNamespace([Bytes(utf8: "live"), Bytes(utf8: "cam1")])
    for text in [nil, "live/cam1", "live-cam1"] {
      track.namespace = text
      #expect(track.fullTrackNames(in: own) == [FullTrackName(own, "v")])
    }
    track.namespace = "a/b"
    #expect(
      track.fullTrackNames(in: own).map(\.namespace) == [
        TrackNamespace([Bytes(utf8: "a/b")]),
        TrackNamespace([Bytes(utf8: "a"), Bytes(utf8: "b")]),
      ]
    )
  }

  @Test func `what we write we read`() throws {
    var video = CatalogTrack(name: "video", packaging: .cmaf)
    video.role = "video"
    video.codec = "avc1.64001f"
    video.initialization = .data([1, 2, 3, 4])
    video.renderGroup = 1
    video.altGroup = 1
    video.bitrate = 1_000_000
    video.framerateThousandths = 29970
    video.width = 1280
    video.height = 720
    video.maxGroupDurationMilliseconds = 2000
    var audio = CatalogTrack(name: "audio", packaging: .cmaf)
    audio.role = "audio"
    audio.codec = "mp4a.40.2"
    audio.initialization = .data([1, 2, 3, 4])
    audio.sampleRate = 48000
    audio.channelConfiguration = "2"
    let written = Catalog(tracks: [video, audio], generatedAtMilliseconds: 7).encode()
    #expect(written.text.contains(#""initDataList":[{"data":"AQIDBA==","id":"init0""#))
    let (catalog, problems) = try independent(written.text)
    #expect(problems == [])
    #expect(catalog.encode() == written)
    #expect(catalog.tracks.map(\.initialization) == [video, audio].map(\.initialization))
    #expect(catalog.tracks.first?.framerateThousandths == 29970)
    #expect(catalog.generatedAtMilliseconds == 7)
  }

  @Test func `nesting without end is refused, not followed`() {
    for depth in [100, 500, 100_000] {
      let text =
        #"{"version":"1","tracks":[],"x":"# + String(repeating: "[", count: depth)
        + String(repeating: "]", count: depth) + "}"
      let catalog = try? independent(text).0
      #expect(catalog == nil || depth < 512)
    }
  }

  @Test func `true is no number and numbers are no booleans`() {
    let value = JSONValue(parsing: Bytes(utf8: #"[true, 1, 1.0, 1.5, "1", null, -7, 1e3]"#))
    #expect(
      value
        == .array([
          .boolean(true), .integer(1), .integer(1), .fraction(1.5), .string("1"), .null,
          .integer(-7), .integer(1000),
        ])
    )
  }
}
