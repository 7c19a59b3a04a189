internal import HTTP
internal import LinuxIO
internal import Wire

/// One client connection of a serve loop.
///
/// Not Sendable: it belongs to that loop.
final class Client {
  let socket: TCPSocket
  let token: EventToken
  var connection: ServerConnection
  var watchesRead = true
  var watchesWrite = false
  /// The client has closed its side.
  var hasEnded = false
  /// Our side is closed; what comes is thrown away until the client closes too.
  var isLingering = false
  var lingerDeadline: Instant
  var isClosed = false
  /// Since when the client has taken less than it must; nil while nothing is pending.
  var drainStart: Instant?
  private var drained = 0

  init(socket: TCPSocket, token: EventToken, connection: ServerConnection, now: Instant) {
    self.socket = socket
    self.token = token
    self.connection = connection
    lingerDeadline = now
  }

  /// Notes bytes that the socket took; `enough` of them begin a new measurement.
  func noteProgress(_ count: Int, now: Instant, enough: Int) {
    drained += count
    if drainStart == nil || drained >= enough {
      drainStart = now
      drained = 0
    }
  }
}
