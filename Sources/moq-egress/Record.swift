import ArgumentParser
import Egress
import Foundation
import LinuxIO
import Wire

/// Records what a broadcast's tracks deliver.
struct Record: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Record a broadcast's objects with their arrival times; replay packages them again."
  )

  @Argument(help: "moqt://HOST:PORT/PATH or https://HOST:PORT/PATH")
  var url: String
  @Argument(help: "The broadcast's namespace.")
  var namespace: String
  @Option(name: .shortAndLong, help: "The file to write.")
  var output: String
  @Option(help: "Seconds to record; otherwise until Ctrl-C.")
  var seconds: Double?
  @OptionGroup var trust: TrustOptions

  func run() throws {
    try reporting {
      if let seconds, !(seconds > 0 && seconds < 1e8) {
        throw Failure(.usage, "--seconds is a number above 0")
      }
      let configuration = try trust.configuration(url: url, namespace: namespace)
      guard FileManager.default.createFile(atPath: output, contents: nil),
        let file = FileHandle(forWritingAtPath: output)
      else { throw Failure(.osError, "\(output) can't be written") }
      let signals = try Signals()
      let recorder: Recorder
      do {
        recorder = try Recorder(configuration, logger: makeLogger(configuration)) { bytes in
          file.write(Data(bytes.slice))
        }
      } catch let error as ConfigurationError {
        throw Failure(.usage, error.description)
      } catch {
        throw Failure(.unavailable, "\(error)")
      }
      let end = seconds.map { Clock.now + Interval(seconds: $0) }
      while end.map({ Clock.now < $0 }) ?? true {
        if case .hangUp? = signals.wait(until: end ?? Clock.now + .seconds(3600)) { continue }
        if end == nil { break }
        if let end, Clock.now < end { break }
      }
      recorder.stop()
      let size = (try? file.offset()) ?? 0
      try? file.close()
      guard size > 0 else {
        throw Failure(.data, "nothing of \(namespace) came from \(url)")
      }
      StandardOutput().write("\(size) bytes in \(output)\n")
    }
  }
}
