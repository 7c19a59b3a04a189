/// Codes that end a connection or a stream: RFC 9114 §8.1, RFC 9204 §6, RFC 9297 §5.2, and those of
/// WebTransport over HTTP/3, §9.5.
package enum HTTP3Code: UInt64, Sendable {
  case datagramError = 0x33
  case noError = 0x100
  case streamCreationError = 0x103
  case closedCriticalStream = 0x104
  case frameUnexpected = 0x105
  case frameError = 0x106
  case excessiveLoad = 0x107
  case idError = 0x108
  case settingsError = 0x109
  case missingSettings = 0x10a
  case requestRejected = 0x10b
  case requestIncomplete = 0x10d
  case messageError = 0x10e
  case decompressionFailed = 0x200
  case encoderStreamError = 0x201
  case decoderStreamError = 0x202
  case protocolNegotiationFailed = 0x0817_b3dd
  case sessionGone = 0x170d_7b68
  case requirementsNotMet = 0x212c_0d48
  case heldStreamRejected = 0x3994_bd84
}

/// A rule that the peer broke, and the code that its connection is closed with.
struct HTTP3Violation: Error, Equatable {
  let code: HTTP3Code
  let reason: String

  init(_ code: HTTP3Code, _ reason: String) {
    self.code = code
    self.reason = reason
  }
}

/// How the 32-bit codes of a session's streams travel among HTTP/3's, WebTransport §4.4.
package enum ApplicationErrorCode {
  private static let first: UInt64 = 0x52e4_a40f_a8db
  private static let last: UInt64 = 0x52e5_ac98_3162

  /// The code on the wire.
  package static func encode(_ code: UInt32) -> UInt64 {
    first + UInt64(code) + UInt64(code) / 0x1e
  }

  /// The session's code; nil for one that is not of this space, and for the reserved ones inside.
  package static func decode(_ code: UInt64) -> UInt32? {
    guard (first...last).contains(code), (code - 0x21) % 0x1f != 0 else { return nil }
    let shifted = code - first
    return UInt32(shifted - shifted / 0x1f)
  }
}
