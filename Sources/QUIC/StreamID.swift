/// What the low bits of a stream id say, RFC 9000 §2.1.
package enum StreamID {
  /// Both sides may send on it.
  package static func isBidirectional(_ stream: UInt64) -> Bool { stream & 2 == 0 }
  /// The server opened it.
  package static func isServerInitiated(_ stream: UInt64) -> Bool { stream & 1 == 1 }
}
