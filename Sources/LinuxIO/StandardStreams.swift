internal import Glibc
internal import Synchronization

/// The first three descriptors, which a parent may have closed.
package enum StandardStreams {
  /// Opens /dev/null where one is closed: whatever is opened next would be taken for it.
  package static func ensure() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
      // The lowest that is free: this one.
      _ = unsafe open("/dev/null", O_RDWR)
    }
  }
}

/// Standard error, one whole text at a time.
package struct StandardError: Sendable {
  package init() {}

  package func write(_ text: String) { writeAll(Array(text.utf8), to: STDERR_FILENO) }
}

/// Standard output, one whole text at a time.
package struct StandardOutput: Sendable {
  package init() {}

  package func write(_ text: String) { writeAll(Array(text.utf8), to: STDOUT_FILENO) }

  /// Whether a person looks at it.
  package var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
}

/// Writes everything or gives up: there is nowhere to report a broken log.
private func writeAll(_ bytes: [UInt8], to descriptor: CInt) {
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = unsafe rest.withUnsafeBytes { buffer in
      retrying { unsafe Glibc.write(descriptor, buffer.baseAddress, buffer.count) }
    }
    guard count > 0 else { return }
    rest = rest.dropFirst(count)
  }
}
