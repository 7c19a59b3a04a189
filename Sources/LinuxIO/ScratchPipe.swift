internal import CLinux

/// The way from kept pipes to sockets: a pipe that refers to one's bytes until a socket has them.
///
/// It is empty between two answers. Not Sendable: it belongs to one loop.
package final class ScratchPipe {
  private let ends: PipeEnds
  /// Where goes what a socket didn't take.
  private let sink: FileDescriptor
  /// What a socket didn't take is still there, so that nothing may come behind it.
  private var isBlocked = false

  /// Has room for as much as the largest of the kept pipes holds; nil where the kernel has none.
  package init?(holding count: Int) {
    guard let ends = PipeEnds(holding: count) else { return nil }
    let sink = clinux_open_sink()
    guard sink >= 0 else { return nil }
    self.ends = ends
    self.sink = FileDescriptor(owning: sink)
  }

  /// Refers to all that a pipe keeps; false, and to nothing, when there is not enough room.
  func fill(from kept: KeptPipe) -> Bool {
    guard !isBlocked else { return false }
    let count = retrying { Int(clinux_tee(kept.descriptor, ends.writing.rawValue, kept.count)) }
    if count == kept.count { return true }
    if count > 0 { empty(count) }
    return false
  }

  /// Gives a socket what it takes of the `count` bytes that are here, and drops the rest.
  ///
  /// Returns how many it took; -1 with `errno` when none.
  func move(_ count: Int, to socket: CInt) -> Int {
    let taken = retrying { Int(clinux_splice(ends.reading.rawValue, socket, count)) }
    if taken < count { empty(count - max(taken, 0)) }
    return taken
  }

  /// Drops the `count` bytes that are here.
  func empty(_ count: Int) {
    let dropped = retrying { Int(clinux_splice(ends.reading.rawValue, sink.rawValue, count)) }
    isBlocked = dropped != count
  }
}
