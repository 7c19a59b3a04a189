import ArgumentParser
import Egress
import LinuxIO
import Synchronization
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
  @Option(name: .shortAndLong, help: "The file to write; - is standard output.")
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
      let file: OutputFile
      do throws(SystemError) {
        file = try OutputFile(output)
      } catch {
        throw Failure(.osError, "\(output) can't be written: \(error.reason)")
      }
      let signals = try Signals()
      let progress = Progress(file)
      let recorder: Recorder
      do {
        recorder = try Recorder(configuration, logger: makeLogger(configuration)) {
          bytes,
          isObject in
          progress.write(bytes, isObject: isObject)
        }
      } catch let error as ConfigurationError {
        throw Failure(.usage, error.description)
      } catch {
        throw Failure(.unavailable, "\(error)")
      }
      let end = seconds.map { Clock.now + Interval(seconds: $0) }
      recording: while progress.failure == nil, end.map({ Clock.now < $0 }) ?? true {
        let look = Clock.now + .milliseconds(500)
        switch signals.wait(until: end.map { min($0, look) } ?? look) {
        case .terminate?, .interrupt?: break recording
        case .hangUp?, .reopen?, nil: continue
        }
      }
      recorder.stop()
      if let failure = progress.failure { throw Failure(.ioError, "\(failure)") }
      guard progress.hasObjects else {
        throw Failure(.data, "nothing of \(namespace) came from \(url)")
      }
      let text = "\(progress.byteCount) bytes in \(output)\n"
      if output == "-" { StandardError().write(text) } else { StandardOutput().write(text) }
    }
  }
}

/// How far a recording is; written to on a thread of its own.
private final class Progress: Sendable {
  private struct State {
    var byteCount = 0
    var hasObjects = false
    var failure: SystemError?
  }

  private let file: OutputFile
  private let state = Mutex(State())

  init(_ file: OutputFile) { self.file = file }

  var byteCount: Int { state.withLock(\.byteCount) }
  /// Whether an object came, be it of the catalog.
  var hasObjects: Bool { state.withLock(\.hasObjects) }
  var failure: SystemError? { state.withLock(\.failure) }

  func write(_ bytes: Bytes, isObject: Bool) {
    state.withLock { state in
      guard state.failure == nil else { return }
      do throws(SystemError) {
        try file.write(bytes)
        state.byteCount += bytes.count
        state.hasObjects = state.hasObjects || isObject
      } catch {
        state.failure = error
      }
    }
  }
}
