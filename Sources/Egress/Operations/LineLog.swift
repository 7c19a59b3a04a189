internal import LinuxIO
package import Logging
internal import Manifests
internal import Synchronization
internal import Wire

/// The least level that is logged, which may change while loggers are in use.
package final class LogThreshold: Sendable {
  private let current: Mutex<Logger.Level>

  package init(_ level: Configuration.LogLevel) { current = Mutex(Self.level(level)) }

  package func set(_ level: Configuration.LogLevel) {
    current.withLock { $0 = Self.level(level) }
  }

  fileprivate var level: Logger.Level {
    get { current.withLock { $0 } }
    set { current.withLock { $0 = newValue } }
  }

  private static func level(_ level: Configuration.LogLevel) -> Logger.Level {
    Logger.Level(rawValue: level.rawValue) ?? .info
  }
}

/// Writes events as lines of time, level, text and `key=value` to standard error.
package struct LineLog: LogHandler {
  package var metadata: Logger.Metadata = [:]
  private let threshold: LogThreshold
  private let output = StandardError()

  package init(_ threshold: LogThreshold) { self.threshold = threshold }

  package var logLevel: Logger.Level {
    get { threshold.level }
    nonmutating set { threshold.level = newValue }
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var text = "\(Clock.utc.iso8601) \(event.level) \(Self.oneLine("\(event.message)"))"
    for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 })
      .sorted(by: { $0.key < $1.key })
    {
      text += " \(key)=\(Self.oneLine("\(value)"))"
    }
    output.write(text + "\n")
  }

  /// Peers can put anything into a reason phrase; a log line stays one line.
  private static func oneLine(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }
      )
    )
  }
}
