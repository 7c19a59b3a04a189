import Logging
import TestSupport
import Testing
import Wire

@testable import Egress

/// An origin and a probe on loopback: which transport a session comes to run on.
@Suite struct TransportTests {
  private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  /// Runs a probe at an origin; returns the lines that it wrote, and how it ended.
  private func probe(
    _ scheme: String,
    _ path: String = "/",
    client: TransportChoice = .auto,
    origin: TransportChoice = .auto,
    draft: Int = 0
  ) throws -> (lines: [String], outcome: Probe.Outcome) {
    var options = Publication.Options()
    options.namespace = "live"
    options.transport = origin
    options.files = [("240p.mp4", try MediaFixture.bytes("Media/240p.mp4"))]
    let publication = try Publication(
      options,
      listen: .loopback(port: 0),
      certificate: .selfSigned,
      logger: logger
    )
    defer { publication.stop() }
    let address = try #require(publication.address)
    var configuration = Configuration()
    configuration.upstream.url = "\(scheme)://\(address)\(path)"
    configuration.upstream.namespace = "live"
    configuration.upstream.fingerprint = hex(try #require(publication.fingerprint).slice)
    configuration.upstream.transport = client
    configuration.upstream.draft = draft
    let lines = LineBox()
    let outcome = try Probe(configuration) { lines.texts.append($0) }.run(for: .seconds(1))
    return (lines.texts, outcome)
  }

  private final class LineBox {
    var texts: [String] = []
  }

  @Test(arguments: [14, 16, 18])
  func `every draft runs over WebTransport`(_ draft: Int) throws {
    let (lines, outcome) = try probe("https", draft: draft)
    #expect(outcome == .seen)
    #expect(lines.first?.hasSuffix("WebTransport, draft \(draft)") == true)
    #expect(lines.contains { $0.contains("240p: cmaf video") })
  }

  @Test func `one port serves both, and raw QUIC is preferred where both are offered`() throws {
    #expect(try probe("moqt").lines.first?.contains("raw QUIC") == true)
    #expect(try probe("moqt", client: .webTransport).lines.first?.contains("WebTransport") == true)
    #expect(try probe("moqt", client: .quic).lines.first?.contains("raw QUIC") == true)
  }

  @Test func `a client that offers both takes what the origin has`() throws {
    let (lines, outcome) = try probe("moqt", origin: .webTransport)
    #expect(outcome == .seen)
    #expect(lines.first?.contains("WebTransport") == true)
    #expect(try probe("moqt", origin: .quic).lines.first?.contains("raw QUIC") == true)
  }

  @Test func `what can't be is said as it is`() throws {
    #expect(
      try probe("https", "/elsewhere").outcome
        == .unreachable("the server refuses WebTransport here: HTTP status 404")
    )
    guard case .unreachable(let reason) = try probe("https", origin: .quic).outcome else {
      Issue.record("an origin of raw QUIC took a WebTransport client")
      return
    }
    #expect(reason == "it speaks none of the drafts offered (h3)")
  }
}
