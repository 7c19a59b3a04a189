import Wire

@testable import Conformance

/// A low-latency playlist that violates nothing, as text: segments of 2 s with parts of 0.5 s.
enum Samples {
  static let url = webURL("http://origin.example/live/video/media.m3u8")
  static let otherURL = webURL("http://origin.example/live/audio/media.m3u8")

  static func webURL(_ text: String) -> WebURL {
    guard let url = WebURL(text) else { preconditionFailure("\(text) is a URL") }
    return url
  }

  /// Segments 100 to 559 are whole, 560 has two parts.
  static let text: String = {
    var text = """
      #EXTM3U
      #EXT-X-VERSION:9
      #EXT-X-TARGETDURATION:2
      #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.75,HOLD-BACK=6.0,CAN-SKIP-UNTIL=12.0
      #EXT-X-PART-INF:PART-TARGET=0.5
      #EXT-X-MEDIA-SEQUENCE:100
      #EXT-X-DISCONTINUITY-SEQUENCE:7
      #EXT-X-MAP:URI="init.mp4"
      #EXT-X-PROGRAM-DATE-TIME:2026-11-26T05:00:00.000Z

      """
    for number in 100..<560 {
      if number >= 557 { text += parts(number, count: 4) }
      text += "#EXTINF:2.00000,\n\(number).m4s\n"
    }
    text += parts(560, count: 2)
    text += """
      #EXT-X-PRELOAD-HINT:TYPE=PART,URI="560.2.m4s"
      #EXT-X-RENDITION-REPORT:URI="../audio/media.m3u8",LAST-MSN=560,LAST-PART=1

      """
    return text
  }()

  private static func parts(_ number: Int, count: Int) -> String {
    (0..<count).map { index in
      "#EXT-X-PART:DURATION=0.50000,URI=\"\(number).\(index).m4s\""
        + (index == 0 ? ",INDEPENDENT=YES\n" : "\n")
    }.joined()
  }

  static var playlist: MediaPlaylist {
    MediaPlaylistReader(PlaylistText(Bytes(utf8: text))).playlist
  }

  /// The same playlist two parts later.
  static var later: MediaPlaylist {
    var later = playlist
    later.segments[460].parts += [
      PartEntry(uri: "560.2.m4s", duration: 500_000),
      PartEntry(uri: "560.3.m4s", duration: 500_000),
    ]
    later.segments[460].duration = 2_000_000
    later.segments[460].uri = "560.m4s"
    later.hints = [HintEntry(type: "PART", uri: "561.0.m4s")]
    return later
  }

  static let multivariantText = """
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",LANGUAGE="en",DEFAULT=YES,URI="audio/media.m3u8"
    #EXT-X-STREAM-INF:BANDWIDTH=2000000,AVERAGE-BANDWIDTH=1800000,CODECS="avc1.64001f,mp4a.40.2",\
    RESOLUTION=1280x720,FRAME-RATE=25.000,AUDIO="a"
    video/media.m3u8

    """

  /// An exchange that began at zero and was answered whole.
  static func exchange(
    _ status: Int = 200,
    _ headers: [(String, String)] = [],
    body: String = "",
    after milliseconds: Int64 = 10,
    url: WebURL = url
  ) -> Exchange {
    var request = Request(url)
    request.headers = [HeaderField("Origin", HTTPRules.origin)]
    var exchange = Exchange(
      request: request,
      begun: Instant(nanoseconds: 0),
      // Thu, 26 Nov 2026 05:00:00 GMT
      begunUTC: UTCTime(microseconds: 1_795_669_200_000_000)
    )
    var response = Response(status: status)
    response.headers = headers.map { HeaderField($0.0, $0.1) }
    response.body = Bytes(utf8: body)
    response.framing = .length(response.body.count)
    let end = Instant(nanoseconds: milliseconds * 1_000_000)
    response.headTime = end
    response.endTime = end
    if !body.isEmpty {
      response.arrivals = [Response.Arrival(bodyBytes: body.utf8.count, time: end)]
    }
    exchange.responses = [response]
    exchange.ended = end
    return exchange
  }

  static func facts(_ number: Int) -> SegmentFacts {
    SegmentFacts(
      number: number,
      discontinuity: 7,
      timescale: 90_000,
      start: Int64(number) * 180_000,
      presentation: Int64(number) * 180_000,
      duration: 180_000,
      frame: 3600,
      startsIndependent: true,
      bytes: 500_000,
      initHash: [1],
      listedDuration: 2_000_000,
      date: UTCTime(microseconds: 1_795_669_200_000_000 + Int64(number) * 2_000_000)
    )
  }
}

/// What fails when something is judged.
func failures(_ judge: (inout Ledger) -> Void) -> [String] {
  var ledger = Ledger()
  judge(&ledger)
  return ledger.failed
}
