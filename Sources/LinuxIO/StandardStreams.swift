internal import Glibc
internal import Synchronization

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
