import ArgumentParser
import Egress
import Foundation
import LinuxIO
import Wire

/// The whole chain on one machine: publisher, QUIC on loopback, bridge, HTTP.
struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Publish test media over real QUIC on loopback and serve it, to see how it works."
  )

  @Option(help: "Where to serve: ADDRESS:PORT; port 0 lets the kernel pick.")
  var listen = "127.0.0.1:8080"
  @Option(name: .customLong("for"), help: "End after so many seconds; otherwise run until Ctrl-C.")
  var duration: Double?
  @Option(help: "Folder of fragmented MP4 files.")
  var media = "Fixtures/Media"
  @Option(help: "error, warning, info, debug or trace.")
  var logLevel = "warning"

  func run() throws {
    try reporting {
      if let duration, !(duration > 0 && duration < 1e8) {
        throw Failure(.usage, "--for is a number of seconds above 0")
      }
      var configuration = Configuration()
      do {
        try ConfigurationFile.apply(
          flags: [("server.listen", listen), ("log-level", logLevel)],
          to: &configuration
        )
      } catch let error as ConfigurationError {
        throw Failure(.usage, error.description)
      }
      let signals = try Signals()
      let publication = try publish(configuration)
      guard let address = publication.address, let fingerprint = publication.fingerprint else {
        throw Failure(.software, "the publisher has no address")
      }
      configuration.upstream.url = "moqt://\(address)/"
      configuration.upstream.namespace = "demo"
      configuration.upstream.fingerprint = hex(fingerprint.slice)
      let service: Service
      do {
        service = try startService(configuration, logger: makeLogger(configuration))
      } catch {
        publication.stop()
        throw error
      }
      explain(service.urls[0], upstream: address)
      watch(service, signals)
      service.stop()
      publication.stop()
    }
  }

  private func publish(_ configuration: Configuration) throws -> Publication {
    let names =
      (try? FileManager.default.contentsOfDirectory(atPath: media))?
      .filter { $0.hasSuffix(".mp4") }.sorted() ?? []
    guard !names.isEmpty else {
      throw Failure(
        .noInput,
        "\(media) holds no .mp4 files; run from the repository or name a folder with --media"
      )
    }
    var options = Publication.Options()
    options.namespace = "demo"
    options.files = try names.map { (name: $0, content: try readMedia("\(media)/\($0)")) }
    do {
      return try Publication(
        options,
        listen: .loopback(port: 0),
        certificate: .selfSigned,
        logger: makeLogger(configuration)
      )
    } catch let error as PublishError {
      throw Failure(.data, error.description)
    }
  }

  private func explain(_ url: String, upstream: SocketAddress) {
    let base = "\(url)/demo"
    StandardOutput().write(
      """
      listening on \(url)

      A MoQ broadcast runs at moqt://\(upstream)/ (QUIC on loopback; https:// for WebTransport)
      and is served here.
      Open in a browser:
        \(base)/
      Open in a player:
        HLS   \(base)/index.m3u8
        DASH  \(base)/manifest.mpd
      Look inside:
        curl -s \(base)/index.m3u8
        curl -s \(url)/status.json
        ffprobe -hide_banner \(base)/index.m3u8
        ffplay \(base)/index.m3u8
      Ctrl-C ends it.

      """
    )
  }

  /// Waits for the end; on a terminal a line tells what is going on.
  private func watch(_ service: Service, _ signals: Signals) {
    let output = StandardOutput()
    let end = duration.map { Clock.now + Interval(seconds: $0) }
    while true {
      let next = Clock.now + .seconds(1)
      if let signal = signals.wait(until: end.map { min($0, next) } ?? next) {
        guard signal == .hangUp || signal == .reopen else { break }
      }
      if output.isTerminal { output.write("\r\u{1B}[2K\(service.summary())") }
      if let end, Clock.now >= end { break }
    }
    if output.isTerminal { output.write("\n") }
  }
}
