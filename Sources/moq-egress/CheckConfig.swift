import ArgumentParser
import Egress
import LinuxIO

/// Validates a configuration file and prints what is in force.
struct CheckConfig: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Validate a configuration file and print the effective values."
  )

  @Argument(help: "The YAML file.")
  var file: String?

  @Flag(help: "Open the certificates, keys and secrets that it names too, as serve does.")
  var files = false
  @Flag(help: "Print a file of all keys at their defaults instead.")
  var defaults = false

  func run() throws {
    try reporting {
      var configuration = Configuration()
      guard defaults != (file != nil) else {
        throw Failure(.usage, "check-config needs a FILE or --defaults, not both")
      }
      if let file {
        do {
          try ConfigurationFile.apply(try readText(file), name: file, to: &configuration)
        } catch let error as ConfigurationError {
          throw Failure(.configuration, error.description)
        }
        do {
          if !configuration.upstream.url.isEmpty || !configuration.sources.isEmpty {
            try ConfigurationFile.validate(configuration)
          }
          try configuration.server.validate()
          if files { try Service.checkFiles(of: configuration) }
        } catch let error as ConfigurationError {
          throw Failure(.configuration, "\(file): \(error.description)")
        }
      }
      for warning in configuration.warnings {
        StandardError().write("moq-egress: warning: \(warning)\n")
      }
      StandardOutput().write(ConfigurationFile.render(configuration))
    }
  }
}
