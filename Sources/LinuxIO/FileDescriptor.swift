internal import Glibc

/// Owns one open descriptor and closes it exactly once.
package struct FileDescriptor: ~Copyable, Sendable {
  package let rawValue: CInt

  package init(owning rawValue: CInt) { self.rawValue = rawValue }

  /// Opens a file; `-` is standard output.
  init(opening path: String, _ flags: CInt, mode: mode_t) throws(SystemError) {
    let descriptor =
      path == "-"
      ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0) : unsafe open(path, flags | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw SystemError("open \(path)") }
    self.init(owning: descriptor)
  }

  // On EINTR Linux has already released the descriptor; a retry could close somebody else's.
  deinit { _ = Glibc.close(rawValue) }
}
