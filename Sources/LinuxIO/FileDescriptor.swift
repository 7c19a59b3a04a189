internal import Glibc

/// Owns one open descriptor and closes it exactly once.
package struct FileDescriptor: ~Copyable, Sendable {
  package let rawValue: CInt

  package init(owning rawValue: CInt) { self.rawValue = rawValue }

  // On EINTR Linux has already released the descriptor; a retry could close somebody else's.
  deinit { _ = Glibc.close(rawValue) }
}
