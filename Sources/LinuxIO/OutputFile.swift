internal import Glibc
package import Wire

/// A file or device that is written from its beginning, in place; `-` is standard output.
package final class OutputFile: Sendable {
  private let file: FileDescriptor
  private let path: String

  /// Opens for writing; what there was of a file is gone, what is no file stays what it is.
  package init(_ path: String) throws(SystemError) {
    self.path = path
    file = try FileDescriptor(opening: path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
  }

  /// Writes everything.
  package func write(_ bytes: Bytes) throws(SystemError) {
    var rest = bytes.slice
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { buffer in
        retrying { unsafe Glibc.write(file.rawValue, buffer.baseAddress, buffer.count) }
      }
      guard count > 0 else { throw SystemError("write \(path)") }
      rest = rest.dropFirst(count)
    }
  }
}
