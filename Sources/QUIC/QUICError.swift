/// Why a connection could not be made, or ended.
package enum QUICError: Error, Equatable, Sendable {
  /// Keys, certificates or trust could not be loaded; the text names the file and the reason.
  case credentials(String)
  /// A session could not be set up on this side.
  case setup(String)
  /// The peer did not answer, or not to the end, in time.
  case handshakeTimeout
  /// The peer's machine says that nobody listens there.
  case unreachable
  /// The peer's certificate is not trusted; the text says why.
  case certificateRefused(String)
  /// The two sides share no application protocol, RFC 7301 §3.2.
  case noCommonProtocol
  /// TLS failed in another way; the alert is that of RFC 8446 §6.
  case tlsFailed(alert: UInt8, reason: String, byPeer: Bool)
  /// The server speaks no version of QUIC that this side does.
  case noCommonVersion
  /// Nothing was heard for the idle timeout.
  case idleTimeout
  /// The peer's application closed the connection.
  case closedByPeer(code: UInt64, reason: String)
  /// A side broke the protocol or refused service, RFC 9000 §20.1.
  case transport(code: UInt64, reason: String, byPeer: Bool)
  /// The peer does not know the connection any more, RFC 9000 §10.3.
  case statelessReset
  /// `close` was called.
  case closedLocally(code: UInt64, reason: String)
}

extension QUICError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .credentials(let text), .setup(let text): text
    case .handshakeTimeout: "no complete handshake in time"
    case .unreachable: "the port is unreachable"
    case .certificateRefused(let text): "certificate refused: \(text)"
    case .noCommonProtocol: "no application protocol (ALPN) in common"
    case .tlsFailed(let alert, let reason, let byPeer):
      "TLS alert \(alert) \(byPeer ? "from the peer" : "sent"): \(reason)"
    case .noCommonVersion: "no QUIC version in common"
    case .idleTimeout: "idle timeout"
    case .closedByPeer(let code, let reason):
      "closed by the peer with code 0x\(String(code, radix: 16)): \(reason)"
    case .transport(let code, let reason, let byPeer):
      "transport error 0x\(String(code, radix: 16)) \(byPeer ? "from the peer" : "found"): \(reason)"
    case .statelessReset: "the peer has lost the connection"
    case .closedLocally(let code, let reason):
      "closed here with code 0x\(String(code, radix: 16)): \(reason)"
    }
  }
}

extension QUICError {
  /// What a CONNECTION_CLOSE with a transport code means, RFC 9001 §4.8.
  init(transportCode code: UInt64, reason: String, byPeer: Bool) {
    guard code & ~0xff == 0x100 else {
      self = .transport(code: code, reason: reason, byPeer: byPeer)
      return
    }
    let alert = UInt8(truncatingIfNeeded: code)
    self =
      alert == 120
      ? .noCommonProtocol : .tlsFailed(alert: alert, reason: reason, byPeer: byPeer)
  }
}
