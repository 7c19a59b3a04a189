import Wire

/// Data of one stream that came in packets, gathered to be reported at once.
struct GrowingData {
  /// Nil while there is none.
  private(set) var stream: Int64?
  private(set) var isFinal = false
  /// May be lent to who reads what was taken last, while there is none.
  private var bytes: [UInt8] = []

  /// Bytes that are gathered in the same memory again: what the kernel brings at once.
  private static let keptCapacity = 1 << 16
  /// From this size on data is lent.
  ///
  /// Whoever reads it at once, and copies what is to stay, leaves the memory for what comes next; some of it
  /// may be held after all, and all the memory with it.
  private static let leastLent = keptCapacity / 4

  /// Adds what comes next; false when that is of another stream.
  mutating func append(
    _ more: Span<UInt8>,
    of stream: Int64,
    isFinal: Bool
  ) -> Bool {
    guard stream == self.stream else { return false }
    unsafe more.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    self.isFinal = isFinal
    return true
  }

  /// Begins with nothing of a stream; what is still lent is left to its readers.
  mutating func begin(_ stream: Int64) {
    bytes.removeAll(keepingCapacity: true)
    self.stream = stream
    isFinal = false
  }

  /// Ends the gathering, and returns what there is.
  mutating func take() -> Bytes {
    stream = nil
    guard bytes.count >= Self.leastLent else {
      // A copy of just that size: if it is held, it must not hold room that was left.
      return Bytes(bytes[...].array)
    }
    // More than is kept goes with its memory.
    defer { if bytes.capacity > 2 * Self.keptCapacity { bytes = [] } }
    return Bytes(bytes)
  }
}

extension ArraySlice<UInt8> {
  /// An array of their own, with no more room than they need.
  fileprivate var array: [UInt8] { unsafe withUnsafeBufferPointer { unsafe Array($0) } }
}
