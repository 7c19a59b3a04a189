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
  @OptionGroup var trust: TrustOptions

  func run() throws {
    try reporting {
      guard seconds > 0, seconds <= 86_400 else { throw Failure(.usage, "--seconds is 0 to 86400") }
      let configuration = try trust.configuration(url: url, namespace: namespace)
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
