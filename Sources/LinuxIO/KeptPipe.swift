internal import CLinux
internal import Glibc
package import Wire

/// Bytes that the kernel keeps in a pipe, from where they go to sockets without being copied again.
///
/// They are written once, into pages of the kernel's own that nobody can write to any more. So what a slow
/// socket still refers to stays what it was, also after the pipe is closed.
package final class KeptPipe {
  package let count: Int
  private let reading: FileDescriptor

  /// Nil where the kernel does not hold so much: it is more than `fs.pipe-max-size`, the user's pipes have
  /// all of `fs.pipe-user-pages-soft`, or descriptors are out.
  package init?(_ bytes: Bytes) {
    guard let ends = PipeEnds(holding: bytes.count) else { return nil }
    let count = unsafe bytes.slice.withUnsafeBytes { bytes in
      retrying { unsafe Glibc.write(ends.writing.rawValue, bytes.baseAddress, bytes.count) }
    }
    guard count == bytes.count else { return nil }
    self.count = count
    reading = ends.reading
  }

  var descriptor: CInt { reading.rawValue }
}

/// Both ends of a pipe that never waits.
struct PipeEnds: ~Copyable {
  let reading: FileDescriptor
  let writing: FileDescriptor

  /// Nil where the kernel has no pipe of this size for us.
  init?(holding count: Int) {
    guard let size = CInt(exactly: count) else { return nil }
    var ends: [CInt] = [-1, -1]
    guard unsafe clinux_pipe(size, &ends) == 0 else { return nil }
    reading = FileDescriptor(owning: ends[0])
    writing = FileDescriptor(owning: ends[1])
  }
}
