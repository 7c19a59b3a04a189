package import Wire

/// What a session reports.
package enum WebTransportEvent: Equatable, Sendable {
  /// The session is open, with the protocol agreed on, if any.
  case established(chosen: String?)
  /// What happened on the session's own streams, without what WebTransport adds to them.
  case stream(TransportEvent)
  /// The peer asks to come to an end soon.
  case draining
  /// The session is over; the last event.
  case ended(WebTransportEnd)
}

/// Why a session could not be had, or ended.
package enum WebTransportEnd: Error, Equatable, Sendable {
  /// The peer's HTTP/3 lacks what the text names.
  case unsupported(String)
  /// The server answered the request with this status.
  case refused(status: Int)
  /// The server's choice of protocol is of no use; the text says why.
  case noCommonProtocol(String)
  /// The server takes no more requests on this connection.
  case goingAway
  /// The peer's application ended the session.
  case closedByPeer(code: UInt32, reason: String)
  /// A rule of HTTP/3 or WebTransport was broken; the connection has been closed with this code.
  case violated(HTTP3Code, String)
  /// `close` was called.
  case closedLocally
}

extension WebTransportEnd: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unsupported(let what): "the peer's HTTP/3 has no \(what)"
    case .refused(let status): "the server refuses WebTransport here: HTTP status \(status)"
    case .noCommonProtocol(let reason): reason
    case .goingAway: "the server takes no more sessions"
    case .closedByPeer(let code, let reason):
      "the peer closed the session with code 0x\(String(code, radix: 16))"
        + (reason.isEmpty ? "" : ": \(reason)")
    case .violated(let code, let reason):
      "the peer broke HTTP/3 (code 0x\(String(code.rawValue, radix: 16))): \(reason)"
    case .closedLocally: "closed here"
    }
  }
}
