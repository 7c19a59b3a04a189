import ArgumentParser
import Egress
import LinuxIO
import Wire

/// Looks at an upstream and leaves.
struct ProbeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "probe",
    abstract:
      "Connect, and print transport, draft, namespaces or catalog, and the groups that arrive."
  )

  @Argument(help: "moqt://HOST:PORT/PATH or https://HOST:PORT/PATH")
  var url: String
  @Argument(help: "The broadcast's namespace; without it, namespaces are listed.")
  var namespace: String?
  @Option(help: "Seconds to watch.")
  var seconds = 6.0
  @Option(help: "PEM file of authorities that vouch for the relay.")
  var ca: String?
  @Option(help: "SHA-256 of the relay's certificate, in hexadecimal.")
  var fingerprint: String?
  @Flag(help: "Accept any certificate of the relay.")
  var insecure = false
  @Option(help: "Offer this MoQT draft only: 14, 16, 18, 20 or 22.")
  var draft: String?
  @Option(help: "What to offer a moqt:// relay: auto (both), quic or webtransport.")
  var transport: String?
  @Option(help: "The catalog track; otherwise catalog, then catalog.json.")
  var catalogTrack: String?

  func run() throws {
    try reporting {
      var configuration = Configuration()
      let flags: [(String, String?)] = [
        ("upstream.url", url), ("upstream.namespace", namespace), ("upstream.ca-file", ca),
        ("upstream.fingerprint", fingerprint), ("upstream.insecure", insecure ? "true" : nil),
        ("upstream.draft", draft), ("upstream.transport", transport),
        ("upstream.catalog-track", catalogTrack),
      ]
      guard seconds > 0, seconds <= 86_400 else { throw Failure(.usage, "--seconds is 0 to 86400") }
      do {
        try ConfigurationFile.apply(
          flags: flags.compactMap { path, value in value.map { (path, $0) } },
          to: &configuration
        )
      } catch let error as ConfigurationError {
        throw Failure(.usage, error.description)
      }
      let probe: Probe
      do {
        probe = try Probe(configuration) { StandardOutput().write($0 + "\n") }
      } catch let error as ConfigurationError {
        throw Failure(.usage, error.description)
      } catch {
        throw Failure(.unavailable, "\(error)")
      }
      switch try probe.run(for: Interval(seconds: seconds)) {
      case .seen: break
      case .unreachable(let reason): throw Failure(.unavailable, reason)
      case .nothing(let reason): throw Failure(.data, reason)
      }
    }
  }
}
