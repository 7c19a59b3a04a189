/// The code with which a session ends.
///
/// MOQT §"Session Termination".
package struct SessionErrorCode: RawRepresentable, Hashable, Sendable {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  private init(_ rawValue: UInt64) { self.rawValue = rawValue }

  package static let noError = SessionErrorCode(0x0)
  package static let internalError = SessionErrorCode(0x1)
  package static let unauthorized = SessionErrorCode(0x2)
  package static let protocolViolation = SessionErrorCode(0x3)
  package static let invalidRequestID = SessionErrorCode(0x4)
  package static let duplicateTrackAlias = SessionErrorCode(0x5)
  package static let keyValueFormattingError = SessionErrorCode(0x6)
  /// Drafts 14 and 16 only.
  package static let tooManyRequests = SessionErrorCode(0x7)
  package static let invalidPath = SessionErrorCode(0x8)
  package static let malformedPath = SessionErrorCode(0x9)
  package static let goAwayTimeout = SessionErrorCode(0x10)
  package static let controlMessageTimeout = SessionErrorCode(0x11)
  package static let versionNegotiationFailed = SessionErrorCode(0x15)
  package static let invalidAuthority = SessionErrorCode(0x19)
}

/// Why a session ended.
package struct SessionError: Error, Hashable, Sendable {
  /// The code that went to the peer.
  package let code: SessionErrorCode
  /// What was wrong, with which value.
  package let reason: String

  package init(code: SessionErrorCode, reason: String) {
    self.code = code
    self.reason = reason
  }
}
