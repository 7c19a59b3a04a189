import ArgumentParser
import Egress
import Foundation
import LinuxIO
import Logging
import Wire

/// The flags that set configuration keys, and the layers below them.
struct ConfigurationOptions: ParsableArguments {
  @Option(help: "The relay or publisher, or several: moqt:// or https://HOST:PORT/PATH.")
  var upstream: String?
  @Option(help: "The broadcast's track namespace; / separates its fields.")
  var namespace: String?
  @Flag(help: "Follow every broadcast that is announced under the namespace.")
  var discover = false
  @Flag(help: "Subscribe to a broadcast only once somebody asks for it.")
  var onDemand = false
  @Option(help: "Separates the fields of the namespace instead of /.")
  var namespaceSeparator: String?
  @Option(
    help: "Where to serve: ADDRESS:PORT or unix:PATH, or several; port 0 lets the kernel pick."
  )
  var listen: String?
  @OptionGroup var trust: TrustOptions
  @Option(help: "Longest part in seconds.")
  var partTarget: String?
  @Option(help: "Shortest segment in seconds.")
  var segmentTarget: String?
  @Option(help: "Seconds of media that playlists list.")
  var window: String?
  @Option(help: "YAML file of all keys; check-config --defaults prints one.")
  var config: String?
  @Option(help: "error, warning, info, debug or trace.")
  var logLevel: String?

  private var flags: [(path: String, value: String)] {
    let values: [(String, String?)] = [
      ("upstream.url", upstream), ("upstream.namespace", namespace),
      ("upstream.discover", discover ? "true" : nil),
      ("upstream.on-demand", onDemand ? "true" : nil),
      ("upstream.namespace-separator", namespaceSeparator), ("server.listen", listen),
      ("packaging.part-target", partTarget),
      ("packaging.segment-target", segmentTarget), ("packaging.window", window),
      ("log-level", logLevel),
    ]
    return (values + trust.flags).compactMap { path, value in value.map { (path, $0) } }
  }

  /// The effective configuration: defaults, file, environment, flags; later ones win.
  func configuration() throws -> Configuration {
    var configuration = Configuration()
    var warnings: [String] = []
    do {
      if let config {
        try ConfigurationFile.apply(try readText(config), name: config, to: &configuration)
      }
      warnings = try ConfigurationFile.apply(
        environment: ProcessInfo.processInfo.environment,
        to: &configuration
      )
      try ConfigurationFile.apply(flags: flags, to: &configuration)
    } catch let error as ConfigurationError {
      throw Failure(.configuration, error.description)
    }
    let logger = makeLogger(configuration)
    for warning in warnings { logger.warning("\(warning)") }
    return configuration
  }
}

/// Reads a text file that is small enough to be a configuration.
func readText(_ path: String) throws -> String {
  let content: Bytes
  do throws(SystemError) {
    content = try FileContent.read(path, limit: ConfigurationFile.byteLimit)
  } catch {
    guard !error.isTooLarge else { throw Failure(.configuration, "\(path) is larger than 1 MiB") }
    throw Failure(.noInput, "\(path) can't be read: \(error.reason)")
  }
  guard let text = String(validating: content.slice, as: UTF8.self) else {
    throw Failure(.configuration, "\(path) is not UTF-8 text")
  }
  return text
}

/// The log of a command, on standard error.
func makeLogger(_ configuration: Configuration) -> Logger {
  makeLogger(LogThreshold(configuration.logLevel))
}

/// The log of a command whose level may change.
func makeLogger(_ threshold: LogThreshold) -> Logger {
  Logger(label: "moq-egress") { _ in LineLog(threshold) }
}
