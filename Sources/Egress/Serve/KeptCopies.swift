internal import HTTP
internal import LinuxIO
internal import Wire

/// Copies of hot media in the kernel, which go to any number of clients without being copied again.
///
/// Without them, or where the kernel allows none, everything goes out as bytes. Not Sendable: it belongs to
/// one loop.
final class KeptCopies {
  /// Less is copied as soon as its pages are counted.
  static let least = 65_536
  /// What `fs.pipe-max-size` lets a user put into one pipe who is not root.
  static let most = 1 << 20
  /// What the copies of one loop open at most, and the way from them to the clients.
  static let descriptors = HotMedia.limit / (2 * least) + 3

  private let isOpen: Bool
  private var pipes: [ContentCopy: KeptPipe] = [:]
  private var scratch: ScratchPipe?
  private var named: UInt64 = 0

  /// None are kept unless it is open.
  init(isOpen: Bool) { self.isOpen = isOpen }

  var count: Int { pipes.count }

  /// Whether content has a size of which copies are kept.
  func takes(_ bytes: Bytes) -> Bool {
    isOpen && bytes.count >= Self.least && bytes.count <= Self.most
  }

  /// Keeps a copy until it is dropped; nil when the size is none for that, or the kernel has no room.
  func keep(_ bytes: Bytes) -> ContentCopy? {
    guard takes(bytes) else { return nil }
    scratch = scratch ?? ScratchPipe(holding: Self.most)
    guard scratch != nil, let pipe = KeptPipe(bytes) else { return nil }
    named += 1
    let copy = ContentCopy(named)
    pipes[copy] = pipe
    return copy
  }

  /// Lets go of a copy; what is being sent of it goes on.
  func drop(_ copy: ContentCopy) { pipes[copy] = nil }

  /// Writes a piece and then what a copy is of, as much as the socket takes; nil when that has to go as
  /// bytes.
  func write(_ first: Bytes, then copy: ContentCopy, to socket: TCPSocket) -> Transfer? {
    guard let scratch, let pipe = pipes[copy] else { return nil }
    return socket.write(first, then: pipe, through: scratch)
  }
}
