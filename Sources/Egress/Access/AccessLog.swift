internal import LinuxIO
internal import Logging
internal import Wire

/// Writes lines about requests on a thread of its own, so that a slow disk holds up no loop.
final class AccessLog: Sendable {
  private enum Message: Sendable {
    case lines(Bytes, count: Int)
    case reopen
  }

  private let worker: Worker<Message>
  private let metrics: Metrics

  /// Batches that wait to be written, at most; what comes then is dropped.
  static let batchLimit = 256
  /// When a batch is handed over at the latest, in bytes.
  static let batchBytes = 65_536
  /// How long a reader of a pipe may take nothing until a batch is dropped.
  private static let patience = Interval.seconds(1)

  /// Opens a file, `-` for standard output; throws why it can't be.
  init(_ path: String, metrics: Metrics, logger: Logger) throws {
    self.metrics = metrics
    worker = try Worker(name: "access-log") {
      var file = try LogFile(path)
      return { message in
        switch message {
        case .lines(let lines, let count):
          if !file.write(lines, patience: Self.patience) {
            metrics.accessLinesDropped.increment(by: count)
          }
        case .reopen:
          do {
            file = try LogFile(path)
          } catch {
            logger.error("the access log stays as it is: \(error)")
          }
        }
      }
    }
  }

  /// Hands over lines; they are dropped when too many wait.
  func write(_ lines: Bytes, count: Int) {
    if !worker.send(.lines(lines, count: count), limit: Self.batchLimit) {
      metrics.accessLinesDropped.increment(by: count)
    }
  }

  /// Opens the file anew: it may have been renamed.
  func reopen() { worker.send(.reopen) }

  /// Writes what waits, and ends.
  func stop() { worker.stop() }
}
