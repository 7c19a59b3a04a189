internal import LinuxIO
package import Logging
internal import Manifests
internal import Synchronization
internal import Wire

/// Writes events as lines of time, level, text and `key=value` to standard error.
package struct LineLog: LogHandler {
  package var metadata: Logger.Metadata = [:]
  package var logLevel: Logger.Level
  private let output: StandardError

  package init(level: Configuration.LogLevel) {
    logLevel = Logger.Level(rawValue: level.rawValue) ?? .info
    output = StandardError()
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
