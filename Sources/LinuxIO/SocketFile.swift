internal import CLinux
internal import Glibc

/// The file of a Unix socket, which goes when its owner does.
final class SocketFile: Sendable {
  private let path: String
  /// What was made here: another server may have put its own in its place since.
  private let identity: Identity?

  private struct Identity: Equatable {
    let device: UInt
    let number: UInt

    /// Of a socket at a path; nil when there is none.
    init?(_ path: String) {
      var status = stat()
      guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
        return nil
      }
      device = UInt(status.st_dev)
      number = UInt(status.st_ino)
    }
  }

  /// Binds a socket to a path; a file that a server has left behind is taken away first.
  ///
  /// `mode` is who may connect, nil what the umask says. Nobody can before the socket listens.
  init(binding descriptor: CInt, to path: String, mode: UInt32?) throws(SystemError) {
    self.path = path
    if unsafe clinux_bind_unix(descriptor, path) != 0 {
      let error = SystemError("bind unix:\(path)")
      guard error.isAddressInUse, Identity(path) != nil, try Self.isDeserted(path) else {
        throw error
      }
      _ = unsafe unlink(path)
      guard unsafe clinux_bind_unix(descriptor, path) == 0 else {
        throw SystemError("bind unix:\(path)")
      }
    }
    identity = Identity(path)
    if let mode {
      guard unsafe chmod(path, mode) == 0 else { throw SystemError("chmod \(path)") }
    }
  }

  /// Whether nobody listens at a socket's path.
  private static func isDeserted(_ path: String) throws(SystemError) -> Bool {
    let descriptor = clinux_socket(AF_UNIX, 1)
    guard descriptor >= 0 else { throw SystemError("socket unix:\(path)") }
    let probe = FileDescriptor(owning: descriptor)
    return unsafe clinux_connect_unix(probe.rawValue, path) != 0 && Glibc.errno == ECONNREFUSED
  }

  deinit {
    if let identity, Identity(path) == identity { _ = unsafe unlink(path) }
  }
}
