internal import Glibc

/// A failed system call: which, on what, and the kernel's reason.
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The call and what it was about, such as `bind 127.0.0.1:8080`.
  package let operation: String
  /// The `errno` value.
  package let code: CInt

  package init(operation: String, code: CInt) {
    self.operation = operation
    self.code = code
  }

  /// Takes the reason from the calling thread's `errno`.
  init(_ operation: String) { self.init(operation: operation, code: Glibc.errno) }

  package var isAddressInUse: Bool { code == EADDRINUSE }
  package var isTooLarge: Bool { code == EFBIG }
  package var isPermissionDenied: Bool { code == EACCES }

  /// The kernel's reason in words.
  package var reason: String { unsafe String(cString: strerror(code)) }

  package var description: String { "\(operation): \(reason)" }
}

/// Calls until the result is not an interruption by a signal; `close` must not be called through this.
func retrying(_ call: () -> Int) -> Int {
  while true {
    let result = call()
    guard result == -1, Glibc.errno == EINTR else { return result }
  }
}

/// Whether the last call of this thread failed because it would have had to wait.
var wouldBlock: Bool { Glibc.errno == EAGAIN || Glibc.errno == EWOULDBLOCK }
