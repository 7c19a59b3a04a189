internal import Glibc
package import Wire

/// Small files, such as credentials.
package enum FileContent {
  /// Reads a whole file; one of more than `limit` bytes is an error (EFBIG), whatever its kind.
  package static func read(_ path: String, limit: Int) throws(SystemError) -> Bytes {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemError("open \(path)") }
    let file = FileDescriptor(owning: descriptor)
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes { bytes in
        retrying { unsafe Glibc.read(file.rawValue, bytes.baseAddress, bytes.count) }
      }
      guard count >= 0 else { throw SystemError("read \(path)") }
      guard count > 0 else { return Bytes(content) }
      content += buffer[..<count]
      guard content.count <= limit else {
        throw SystemError(operation: "read \(path)", code: EFBIG)
      }
    }
  }
}
