internal import LinuxIO
internal import Wire

/// A socket that connections come by, and whether they are encrypted.
struct ServeListener {
  let socket: TCPListener
  let isSecure: Bool

  var scheme: String { isSecure ? "https" : "http" }
  /// What clients on this machine reach it by.
  var url: String { "\(scheme)://\(socket.address)" }
}

extension Configuration.Server {
  /// Where to listen, in order, and whether encrypted.
  var endpoints: [(address: SocketAddress, isSecure: Bool)] {
    listen.map { ($0, false) } + secureListen.map { ($0, true) }
  }
}
