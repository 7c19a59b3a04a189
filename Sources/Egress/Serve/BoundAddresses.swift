internal import LinuxIO
internal import Synchronization
internal import Wire

/// The addresses that the loops share, in the order of the configuration.
final class BoundAddresses: Sendable {
  private struct Bound {
    var address: ListenAddress
    /// Of a path, which can be bound once only: all loops accept from it.
    var shared: TCPListener?
  }

  private let endpoints: [Configuration.Server.Endpoint]
  private let mode: UInt32?
  private let bound: Mutex<[Bound]>

  init(_ server: Configuration.Server) {
    endpoints = server.endpoints
    mode = server.socketMode
    bound = Mutex(server.endpoints.map { Bound(address: $0.address) })
  }

  /// Listens on all of them; the first loop picks the ports that the others share.
  func listen(isShared: Bool) throws(SystemError) -> [ServeListener] {
    var listeners: [ServeListener] = []
    for (index, endpoint) in endpoints.enumerated() {
      let known = bound.withLock { $0[index] }
      let socket: TCPListener
      switch known.address {
      case .port(let address):
        socket = try TCPListener(address, isShared: isShared)
        bound.withLock { $0[index].address = .port(socket.address) }
      case .unix(let path):
        if let shared = known.shared {
          socket = shared
        } else {
          socket = try TCPListener(unix: path, mode: mode)
        }
        bound.withLock { $0[index].shared = socket }
      }
      listeners.append(
        ServeListener(socket: socket, isSecure: endpoint.isSecure, side: endpoint.side)
      )
    }
    return listeners
  }

  var urls: [String] {
    zip(endpoints, bound.withLock { $0.map(\.address) }).map { endpoint, address in
      switch address {
      case .port(let address): "\(endpoint.isSecure ? "https" : "http")://\(address)"
      case .unix: address.description
      }
    }
  }
}
