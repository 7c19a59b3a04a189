import LinuxIO
import Manifests
import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress

/// Requests that are malformed or at an edge, as a service answers them on the socket.
@Suite struct RequestTableTests {
  private let state = Live.states[Live.index(parts: 2)]

  @Test func `HTTP-011 every request of the table is answered as it says`() throws {
    let server = try TestServer()
    defer { server.stop() }
    try server.serve(state)
    let segment = try #require(state.renditions[0].segments.first)
    let media = "/live/v/" + MediaPath.segment(segment.epoch, start: segment.start)
    let tag = try #require(try server.client().get(media).fields["etag"])
    for input in RequestCase.all {
      let client = try server.client()
      client.send(Bytes(input.bytes(media: media, tag: tag)))
      let isHead = input.bytes(media: media, tag: tag).starts(with: "HEAD ".utf8)
      for status in input.answers {
        #expect(try client.reply(isHead: isHead).status == status, "\(input)")
      }
      switch input.end {
      case .closed: #expect(try client.endsHere(), "\(input)")
      case .kept: #expect(try client.get("/healthz").status == 200, "\(input)")
      }
    }
  }
}
