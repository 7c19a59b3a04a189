/// The code with which a session ends.
///
/// MOQT §"Session Termination".
package struct SessionErrorCode: RawRepresentable, Hashable, Sendable {
  /// The number that goes on the wire.
  package let rawValue: UInt64
  /// Takes a number as it is.
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  private init(_ rawValue: UInt64) { self.rawValue = rawValue }

  /// An orderly end.
  package static let noError = SessionErrorCode(0x0)
  /// Something of ours failed.
  package static let internalError = SessionErrorCode(0x1)
  /// The peer may not be here.
  package static let unauthorized = SessionErrorCode(0x2)
  /// The peer broke a rule that has no code of its own.
  package static let protocolViolation = SessionErrorCode(0x3)
  /// A request id out of sequence, of the wrong parity, or used twice.
  package static let invalidRequestID = SessionErrorCode(0x4)
  /// One alias for two tracks.
  package static let duplicateTrackAlias = SessionErrorCode(0x5)
  /// The value of a known type does not parse.
  package static let keyValueFormattingError = SessionErrorCode(0x6)
  /// Drafts 14 and 16 only.
  package static let tooManyRequests = SessionErrorCode(0x7)
  /// A PATH where none may be.
  package static let invalidPath = SessionErrorCode(0x8)
  /// A PATH that is none.
  package static let malformedPath = SessionErrorCode(0x9)
  /// The peer did not leave in time.
  package static let goAwayTimeout = SessionErrorCode(0x10)
  /// A message did not come in time.
  package static let controlMessageTimeout = SessionErrorCode(0x11)
  /// No version in common.
  package static let versionNegotiationFailed = SessionErrorCode(0x15)
  /// An AUTHORITY where none may be.
  package static let invalidAuthority = SessionErrorCode(0x19)
}

/// Why a session ended.
package struct SessionError: Error, Hashable, Sendable {
  /// The code that went to the peer.
  package let code: SessionErrorCode
  /// What was wrong, with which value.
  package let reason: String

  /// Joins the parts.
  package init(code: SessionErrorCode, reason: String) {
    self.code = code
    self.reason = reason
  }
}
