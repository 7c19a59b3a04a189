import CMAF
import Manifests
import MoQ
import Packaging
import TestSupport
import Testing
import Wire
import XML

@testable import Egress

/// Event messages in chunks: CMAF-014.
@Suite struct EventStreamTests {
  private func message(_ scheme: String, _ value: String = "") -> EventMessage {
    EventMessage(
      schemeURI: scheme,
      value: value,
      timescale: 1000,
      start: .presentation(ticks: 5),
      duration: 10,
      id: 1,
      message: [1]
    )
  }

  /// The first chunk of a fixture with messages in front of it.
  private func parsed(_ messages: [EventMessage]) throws -> MediaChunk {
    let file = try MediaFixture.cmaf("avc")
    let track = CatalogTrack(name: "v", packaging: .cmaf)
    var writer = ByteWriter()
    for message in messages { message.write(to: &writer) }
    writer.write(try #require(file.chunks.values.first?.first).bytes)
    let plan = try TrackPlan(track, header: file.header.bytes)
    let chunk = try #require(try ChunkParser(plan).parse(writer.bytes).first)
    // The messages are passed on, byte for byte.
    #expect(chunk.bytes == writer.bytes)
    return chunk
  }

  @Test func `kinds of events are read, what no manifest can name is not`() throws {
    let names = try parsed([
      message("urn:scte:scte35:2013:bin", "1"), message("urn:scte:scte35:2013:bin", "1"),
      message("urn:x"), message(""), message("urn:\u{1}"), message("urn:é"),
      message("urn:" + String(repeating: "y", count: 253)), message("urn:z", "\n"),
    ]).eventStreams.sorted().map { "\($0.schemeURI) \($0.value)" }
    #expect(names == ["urn:scte:scte35:2013:bin 1", "urn:x "])
    #expect(try parsed([]).eventStreams.isEmpty)
    let many = try parsed((0..<50).map { message("urn:\($0)") })
    #expect(many.eventStreams.count == 8)
  }

  @Test func `CMAF-014 the MPD declares the events of listed segments, in one order`() throws {
    let broadcast = RecordedBroadcast.scripted([.video("v"), .audio("a")], seconds: 12)
    let presentation = Presentation(tracks: broadcast.tracks, policy: PackagingPolicy())
    var last: PresentationSnapshot?
    for entry in broadcast.entries {
      let now = Instant(nanoseconds: entry.sentAt * 1000)
      var object = broadcast.object(entry, arrival: now)
      if entry.track == 0, entry.position.object == 7 {
        // A new kind with each group.
        object.chunks[0].eventStreams = Set(
          [message("urn:b"), message("urn:a", "\(entry.position.group)\"<")].compactMap(
            EventStream.init
          )
        )
      }
      let utc = UTCTime(microseconds: broadcast.zero.microseconds + entry.sentAt)
      presentation.receive(object, on: entry.track, utc: utc, now: now)
      while let output = presentation.poll() {
        if case .published(let snapshot) = output { last = snapshot }
      }
    }
    let origin = Origin(try #require(last))
    let document = try XMLDocument(origin.request("manifest.mpd").body)
    let names = ["m": "urn:mpeg:dash:schema:mpd:2011"]
    func strings(_ path: String) -> [String] { document.strings(path, namespaces: names) ?? [] }
    let video = "//m:AdaptationSet[@contentType='video']/m:InbandEventStream"
    let schemes = strings(video + "/@schemeIdUri")
    let groups = broadcast.entries.filter { $0.track == 0 && $0.position.object == 7 }.count
    #expect(schemes.count == groups + 1)
    #expect(schemes == schemes.sorted() && schemes.last == "urn:b")
    #expect(strings(video + "/@value").allSatisfy { $0.hasSuffix("\"<") })
    #expect(strings("//m:AdaptationSet[@contentType='audio']/m:InbandEventStream").isEmpty)
  }
}
