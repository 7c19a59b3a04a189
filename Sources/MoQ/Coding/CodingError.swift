import Wire

/// Why bytes from a peer could not be decoded.
package enum CodingError: Error, Equatable, Sendable {
  /// The input ends before the structure does.
  case truncated
  /// The input breaks a rule; the code is what the session closes with.
  case violation(SessionErrorCode, String)

  init(_ error: DecodeError) {
    switch error {
    case .truncated: self = .truncated
    case .invalid(let text): self = .violation(.protocolViolation, text)
    }
  }

  static func protocolViolation(_ text: String) -> CodingError {
    .violation(.protocolViolation, text)
  }

  /// The same failure where nothing can follow: an end inside a structure breaks a rule.
  func inWhole(_ what: String, _ code: SessionErrorCode = .protocolViolation) -> CodingError {
    switch self {
    case .truncated: .violation(code, "\(what) ends early")
    case .violation: self
    }
  }
}
