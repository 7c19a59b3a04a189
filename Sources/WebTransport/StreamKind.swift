/// Who opened a stream and which way it goes, RFC 9000 §2.1.
enum StreamKind {
  static func isUnidirectional(_ stream: UInt64) -> Bool { stream & 2 != 0 }
  static func isServers(_ stream: UInt64) -> Bool { stream & 1 != 0 }
  /// Whether it can be the id of a session.
  static func isRequest(_ stream: UInt64) -> Bool { stream & 3 == 0 }
}
