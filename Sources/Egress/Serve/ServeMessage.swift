internal import LinuxIO
internal import Packaging
internal import TLS
internal import Wire

/// What other threads tell a serve loop.
enum ServeMessage: Sendable {
  case snapshot(BroadcastPath, PresentationSnapshot, UTCTime)
  case status(IngestReport)
  /// What new encrypted sessions show.
  case credentials(ServerCredentials)
  /// What requests have to show.
  case secrets(AccessSecrets)
  /// Nobody has a broadcast that was asked for.
  case absent(BroadcastPath)
  /// A broadcast is no longer served.
  case retired(BroadcastPath)
  /// Limits and timeouts for connections that come, and what all are held to.
  ///
  /// Elsewhere in memory: else every message were as large as this one.
  indirect case configuration(Configuration)
  /// A stop is near: whoever asks whether we are ready is told that we aren't.
  case drain
  /// Take no more connections and requests; end when those that there are have been answered.
  case stop
  /// End now.
  case end
}
