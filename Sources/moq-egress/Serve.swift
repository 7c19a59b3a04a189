import ArgumentParser
import Egress
import LinuxIO
import Wire

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
      let configuration = try options.configuration()
      guard configuration.isServing else {
        throw Failure(
          .usage,
          "serve needs --upstream and --namespace (or --discover), or upstream.url and "
            + "upstream.namespace, or sources, in --config FILE"
        )
      }
      let signals = try Signals()
      let service = try startService(configuration)
      for url in service.urls { StandardOutput().write("listening on \(url)\n") }
      waitForStop(signals, reload: service.reload)
      service.stop()
    }
  }
}

/// Starts the service; what its configuration makes impossible is explained.
func startService(_ configuration: Configuration) throws -> Service {
  do {
    return try Service(configuration, logger: makeLogger(configuration))
  } catch let error as ConfigurationError {
    throw Failure(.configuration, error.description)
  } catch let error as SystemError {
    throw error
  } catch {
    throw Failure(.configuration, "\(error)")
  }
}

/// Blocks until a signal asks to stop; SIGHUP reloads.
func waitForStop(_ signals: Signals, reload: () -> Void) {
  while true {
    switch signals.wait() {
    case .terminate, .interrupt: return
    case .hangUp: reload()
    case nil: continue
    }
  }
}
