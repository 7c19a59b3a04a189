internal import MoQ

/// What a MoQ session runs on; the raw value is its name in logs, status and metrics.
enum TransportKind: String, Sendable {
  case quic
  case webTransport = "webtransport"

  /// For people.
  var name: String { self == .quic ? "raw QUIC" : "WebTransport" }
}

/// Which drafts of MoQT are offered or taken, on which transports.
struct ProtocolOffer {
  /// Most wanted first.
  let drafts: [Draft]
  let choice: TransportChoice

  /// HTTP/3's name in a handshake.
  static let http3 = "h3"

  /// Names for the handshake: of the drafts on raw QUIC, then of HTTP/3.
  var alpn: [String] {
    (choice == .webTransport ? [] : drafts.map(\.alpn))
      + (choice == .quic ? [] : [ProtocolOffer.http3])
  }

  /// Names for WebTransport's own choice; draft 14 has none there.
  var subprotocols: [String] { drafts.filter { $0 != .draft14 }.map(\.alpn) }

  /// Whether a WebTransport session on which nothing was chosen is draft 14's.
  var allowsNoSubprotocol: Bool { drafts.contains(.draft14) }
}
