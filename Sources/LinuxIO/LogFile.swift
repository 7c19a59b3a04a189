internal import CLinux
internal import Glibc
package import Wire

/// A file, pipe or terminal that lines are added to.
package final class LogFile {
  private let file: FileDescriptor
  private let isRegular: Bool

  /// Opens a file for appending, which is made when it is not there; `-` is standard output.
  package init(_ path: String) throws(SystemError) {
    // A named pipe that nobody reads is an error, not a wait.
    file = try FileDescriptor(
      opening: path,
      O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK,
      mode: 0o640
    )
    var status = stat()
    isRegular = unsafe fstat(file.rawValue, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// Writes everything, waiting for a slow reader so long; false when not all of it went out.
  package func write(_ bytes: Bytes, patience: Interval) -> Bool {
    var rest = bytes.slice
    while !rest.isEmpty {
      if !isRegular {
        let milliseconds = CInt(clamping: patience.nanoseconds / 1_000_000)
        guard clinux_wait_writable(file.rawValue, milliseconds) == 1 else { return false }
      }
      // A pipe that can be written takes so much without waiting.
      let piece = isRegular ? rest : rest.prefix(Int(PIPE_BUF))
      let count = unsafe piece.withUnsafeBytes { buffer in
        retrying { unsafe Glibc.write(file.rawValue, buffer.baseAddress, buffer.count) }
      }
      guard count > 0 || wouldBlock else { return false }
      rest = rest.dropFirst(max(count, 0))
    }
    return true
  }
}
