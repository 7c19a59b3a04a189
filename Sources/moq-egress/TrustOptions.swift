import ArgumentParser
import Egress

/// The flags of commands that connect to one upstream, and how flags become a configuration.
struct TrustOptions: ParsableArguments {
  @Option(help: "PEM file of authorities that vouch for the relay.")
  var ca: String?
  @Option(help: "SHA-256 of the relay's certificate, in hexadecimal.")
  var fingerprint: String?
  @Flag(help: "Accept any certificate of the relay. Only for trying things out.")
  var insecure = false
  @Option(help: "Offer this MoQT draft only: 14, 16, 18, 20 or 22.")
  var draft: String?
  @Option(help: "What to offer a moqt:// relay: auto (both), quic or webtransport.")
  var transport: String?
  @Option(help: "The catalog track; otherwise the usual ones.")
  var catalogTrack: String?

  /// The keys that the flags set.
  var flags: [(path: String, value: String?)] {
    [
      ("upstream.ca-file", ca), ("upstream.fingerprint", fingerprint),
      ("upstream.insecure", insecure ? "true" : nil), ("upstream.draft", draft),
      ("upstream.transport", transport), ("upstream.catalog-track", catalogTrack),
    ]
  }

  /// The configuration of one upstream; throws what is wrong with a flag.
  func configuration(url: String, namespace: String?) throws -> Configuration {
    try Self.configuration(
      [("upstream.url", url), ("upstream.namespace", namespace)] + flags
    )
  }

  /// A configuration of flags; throws what is wrong with one.
  static func configuration(_ flags: [(path: String, value: String?)]) throws -> Configuration {
    var given: [(path: String, value: String)] = []
    for (path, value) in flags {
      if let value { given.append((path, value)) }
    }
    var configuration = Configuration()
    do throws(ConfigurationError) {
      try ConfigurationFile.apply(flags: given, to: &configuration)
    } catch {
      throw Failure(.usage, error.description)
    }
    return configuration
  }
}
