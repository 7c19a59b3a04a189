import ArgumentParser
import Egress
import Foundation
import LinuxIO
import Wire

/// Publishes files as a live broadcast.
struct Publish: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Publish fragmented MP4 files as a live, looping broadcast.",
    discussion: "As an origin that subscribers dial (--listen), or into a relay (--relay)."
  )

  @Argument(help: "Fragmented MP4 files of equal length, one or more tracks each.")
  var files: [String]
  @Option(help: "Where subscribers dial: ADDRESS:PORT (UDP).")
  var listen: String?
  @Option(help: "The relay to publish into: moqt://HOST:PORT/PATH or https://HOST:PORT/PATH.")
  var relay: String?
  @Option(help: "The broadcast's track namespace; / separates its fields.")
  var namespace: String
  @Option(help: "Separates the fields of the namespace instead of /.")
  var namespaceSeparator = "/"
  @Option(help: "Speak this MoQT draft only: 14, 16, 18, 20 or 22.")
  var draft: Int?
  @Option(help: "How media is packaged: cmaf, loc or hang.")
  var packaging = "cmaf"
  @Option(help: "Publish the same so often, as NAMESPACE/0, NAMESPACE/1 and so on; for load tests.")
  var copies = 1
  @Option(help: "What sessions run on: auto (both), quic or webtransport.")
  var transport: String?
  @Option(help: "PEM file of the origin's certificate; otherwise one is made.")
  var cert: String?
  @Option(help: "PEM file of the origin's key.")
  var key: String?
  @Option(help: "PEM file of authorities that vouch for the relay.")
  var ca: String?
  @Option(help: "SHA-256 of the relay's certificate, in hexadecimal.")
  var fingerprint: String?
  @Flag(help: "Accept any certificate of the relay.")
  var insecure = false
  @Option(help: "error, warning, info, debug or trace.")
  var logLevel = "info"

  func run() throws {
    try reporting {
      guard (listen == nil) != (relay == nil) else {
        throw Failure(.usage, "publish needs either --listen or --relay")
      }
      guard draft.map({ [14, 16, 18, 20, 22].contains($0) }) ?? true else {
        throw Failure(.usage, "--draft is 14, 16, 18, 20 or 22")
      }
      guard (1...1000).contains(copies) else {
        throw Failure(.usage, "--copies is a number from 1 to 1000")
      }
      guard let form = PublishPackaging(rawValue: packaging) else {
        throw Failure(.usage, "--packaging is cmaf, loc or hang")
      }
      let configuration = try TrustOptions.configuration([
        ("upstream.ca-file", ca), ("upstream.fingerprint", fingerprint),
        ("upstream.insecure", insecure ? "true" : nil), ("upstream.transport", transport),
        ("log-level", logLevel),
      ])
      let signals = try Signals()
      let publication = try start(configuration, form)
      if let address = publication.address, let fingerprint = publication.fingerprint {
        let scheme = configuration.upstream.transport == .webTransport ? "https" : "moqt"
        StandardOutput().write(
          "publishing at \(scheme)://\(address)/ fingerprint \(hex(fingerprint.slice))\n"
        )
      }
      waitForStop(signals)
      publication.stop()
    }
  }

  private func start(
    _ configuration: Configuration,
    _ form: PublishPackaging
  ) throws -> Publication {
    var options = Publication.Options()
    options.namespace = namespace
    options.namespaceSeparator = namespaceSeparator
    options.draft = draft ?? 0
    options.packaging = form
    options.copies = copies
    options.transport = configuration.upstream.transport
    options.files = try files.map { (name: $0, content: try readMedia($0)) }
    let logger = makeLogger(configuration)
    do {
      if let relay {
        return try Publication(
          options,
          relay: relay,
          trust: configuration.upstream.trust,
          logger: logger
        )
      }
      guard let address = listen.flatMap({ SocketAddress($0) }) else {
        throw Failure(.usage, "--listen '\(listen ?? "")' is not ADDRESS:PORT")
      }
      let certificate: Publication.Certificate
      switch (cert, key) {
      case (nil, nil): certificate = .selfSigned
      case (let cert?, let key?): certificate = .files(certificate: cert, key: key)
      default: throw Failure(.usage, "--cert and --key go together")
      }
      return try Publication(
        options,
        listen: address,
        certificate: certificate,
        logger: logger
      )
    } catch let error as PublishError {
      throw Failure(.data, error.description)
    } catch let error as ConfigurationError {
      throw Failure(.usage, error.description)
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.osError, "\(error)")
    }
  }
}

/// Reads a media file of at most a gibibyte.
func readMedia(_ path: String) throws -> Bytes {
  do throws(SystemError) {
    return try FileContent.read(path, limit: 1 << 30)
  } catch {
    guard !error.isTooLarge else { throw Failure(.data, "\(path) is larger than 1 GiB") }
    throw Failure(.noInput, "\(path) can't be read: \(error.reason)")
  }
}
