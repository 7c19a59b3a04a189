internal import CLinux
internal import Glibc
internal import Wire

/// What another process of this machine costs, read from /proc.
///
/// Linux proc(5).
package struct ProcessSample: Sendable, Equatable {
  /// User plus system time since its start, in microseconds; to a clock tick.
  package let cpuMicroseconds: Int
  /// Resident memory in bytes.
  package let residentBytes: Int
  /// Open descriptors; nil when they are not ours to see.
  package let descriptors: Int?

  /// Looks at a process; nil when there is none of that id.
  package init?(of process: Int) {
    guard let stat = Self.read("/proc/\(process)/stat"),
      let statm = Self.read("/proc/\(process)/statm"),
      let name = stat.slice.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    // The name may hold spaces and parentheses; fields are counted after it, from the third on.
    let fields = stat.slice[(name + 1)...].split(separator: UInt8(ascii: " "))
    let pages = statm.slice.split(separator: UInt8(ascii: " "))
    guard fields.count > 12, pages.count > 1,
      let user = Int(Bytes(fields[11]).text), let system = Int(Bytes(fields[12]).text),
      let resident = Int(Bytes(pages[1]).text)
    else { return nil }
    let ticks = max(1, sysconf(CInt(_SC_CLK_TCK)))
    cpuMicroseconds = (user + system) * 1_000_000 / ticks
    residentBytes = resident * sysconf(CInt(_SC_PAGESIZE))
    descriptors = Self.countEntries("/proc/\(process)/fd")
  }

  /// The beginning of a file of /proc; nil when it can't be read.
  private static func read(_ path: String) -> Bytes? {
    let opened = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard opened >= 0 else { return nil }
    let file = FileDescriptor(owning: opened)
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = unsafe buffer.withUnsafeMutableBytes { bytes in
      retrying { unsafe Glibc.read(file.rawValue, bytes.baseAddress, bytes.count) }
    }
    return count > 0 ? Bytes(buffer[..<count]) : nil
  }

  private static func countEntries(_ path: String) -> Int? {
    guard let directory = unsafe opendir(path) else { return nil }
    defer { _ = unsafe closedir(directory) }
    var count = 0
    while unsafe readdir(directory) != nil { count += 1 }
    // Itself and its parent.
    return max(0, count - 2)
  }
}
