internal import CLinux
internal import Glibc

/// A program that runs beside this one and ends with its owner at the latest.
package final class ChildProcess {
  /// Bytes of output that are kept; the rest is read and dropped.
  package static let maximumOutput = 16_384

  private let child: pid_t
  private let pipe: FileDescriptor
  private var kept: [UInt8] = []
  /// The exit code, or 128 and the signal that ended it; nil while it runs.
  package private(set) var exitCode: Int?

  /// Starts a program that is a path or a name in `PATH`, with at most 63 arguments, none of which holds
  /// a NUL.
  ///
  /// It gets no input and a low priority; what it writes is read from a pipe.
  package init(_ program: String, _ arguments: [String]) throws(SystemError) {
    var text: [CChar] = []
    for argument in [program] + arguments { text += argument.utf8CString }
    var output: CInt = -1
    child = unsafe clinux_spawn(text, CInt(arguments.count + 1), &output)
    let failure = SystemError("start \(program)")
    // Owned in any case, so that every property is set.
    pipe = FileDescriptor(owning: output)
    guard child > 0 else {
      exitCode = 127
      throw failure
    }
  }

  deinit { if exitCode == nil { clinux_kill(child) } }

  /// What it has written so far, on both outputs.
  package var output: String { String(decoding: kept, as: UTF8.self) }

  /// Reads what it has written, and looks whether it has ended.
  package func poll() {
    guard exitCode == nil else { return }
    read()
    var code: CInt = 0
    guard unsafe clinux_reap(child, &code) == 1 else { return }
    exitCode = Int(code)
    read()
  }

  /// Ends it for good.
  package func stop() {
    guard exitCode == nil else { return }
    clinux_kill(child)
    exitCode = 128 + Int(SIGKILL)
    read()
  }

  private func read() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = unsafe Glibc.read(pipe.rawValue, &buffer, buffer.count)
      guard count > 0 else { return }
      kept += buffer.prefix(min(count, Self.maximumOutput - kept.count))
    }
  }
}
