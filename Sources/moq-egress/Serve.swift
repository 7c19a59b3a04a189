import ArgumentParser
import Egress
import Foundation
import LinuxIO
import Logging

/// Runs the service until it is told to stop.
struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Subscribe to a broadcast and serve it.",
    discussion:
      "Flags win over MOQ_EGRESS_… variables, those over the file, the file over defaults."
  )

  @OptionGroup var options: ConfigurationOptions

  func run() throws {
    try reporting {
      let configuration = try effective()
      let signals = try Signals()
      let threshold = LogThreshold(configuration.logLevel)
      let logger = makeLogger(threshold)
      let service = try startService(configuration, logger: logger, threshold: threshold)
      for url in service.urls { StandardOutput().write("listening on \(url)\n") }
      Supervision(service, signals, ServiceManager(ProcessInfo.processInfo.environment)).run {
        do {
          service.reload(try effective())
        } catch let failure as Failure {
          service.reloadFailed(failure.text)
        } catch {
          service.reloadFailed("\(error)")
        }
      }
    }
  }
}

extension Serve {
  /// What is in force by all layers, with something to follow.
  private func effective() throws -> Configuration {
    let configuration = try options.configuration()
    guard configuration.isServing else {
      throw Failure(
        .usage,
        "serve needs --upstream and --namespace (or --discover), or upstream.url and "
          + "upstream.namespace, or sources, in --config FILE"
      )
    }
    return configuration
  }
}

/// Starts the service; what its configuration makes impossible is explained.
func startService(
  _ configuration: Configuration,
  logger: Logger,
  threshold: LogThreshold? = nil
) throws -> Service {
  do {
    return try Service(configuration, logger: logger, threshold: threshold)
  } catch let error as ConfigurationError {
    throw Failure(.configuration, error.description)
  } catch let error as SystemError {
    throw error
  } catch {
    throw Failure(.configuration, "\(error)")
  }
}
