internal import LinuxIO
internal import Wire

/// A socket that connections come by, and whether they are encrypted.
struct ServeListener {
  let socket: TCPListener
  let isSecure: Bool
  var side = Gate.Side.viewers

  var scheme: String { isSecure ? "https" : "http" }
  /// The IP address of who has connected, in its shortest form; nil where there are none.
  func peerAddress(of connection: TCPSocket) -> Bytes? {
    socket.isLocal ? nil : connection.peer.unmapped
  }

  /// What clients on this machine reach it by.
  var url: String { "\(scheme)://\(socket.isLocal ? "localhost" : "\(socket.address)")" }
}

extension Configuration.Server {
  /// Where to listen, for what.
  struct Endpoint {
    let address: ListenAddress
    var isSecure = false
    var side = Gate.Side.viewers
  }

  /// In order: those of viewers come first.
  var endpoints: [Endpoint] {
    listen.map { Endpoint(address: $0) }
      + secureListen.map { Endpoint(address: $0, isSecure: true) }
      + adminListen.map { Endpoint(address: $0, side: .operators) }
  }
}
