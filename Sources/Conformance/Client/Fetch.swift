internal import Compression
package import Wire

/// A request that a core wants made, under a number of the core's own.
package struct Fetch: Sendable {
  package let identifier: Int
  package let request: Request

  package init(identifier: Int, request: Request) {
    self.identifier = identifier
    self.request = request
  }
}

/// What an exchange was for, as far as it matters to the rules of HTTP.
package enum ResourceKind: Equatable, Sendable {
  case multivariant
  /// A media playlist without directives, or with `_HLS_skip` alone.
  case playlist
  /// A media playlist with `_HLS_msn`.
  case blockingPlaylist
  case manifest
  case initSegment
  case segment
  case part
  /// Anything that was asked for to be refused.
  case refused
}

/// An exchange with what it was for.
package struct Observation: Sendable {
  package let kind: ResourceKind
  package let exchange: Exchange

  package init(kind: ResourceKind, exchange: Exchange) {
    self.kind = kind
    self.exchange = exchange
  }
}

extension Response {
  /// The largest text that a gzip body is unpacked to, in bytes.
  private static let maximumTextBytes = 8 << 20

  /// The body with its content coding undone; nil when it is damaged, too large, or of a coding that
  /// was not asked for.
  package var decodedBody: Bytes? {
    switch list("Content-Encoding") {
    case [], ["identity"]: body
    case ["gzip"], ["x-gzip"]: gunzip(body, limit: Self.maximumTextBytes)
    default: nil
    }
  }
}
