package import Wire

/// One field line of a response, as sent.
package struct HeaderField: Equatable, Sendable {
  package let name: String
  package let value: String

  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// How the end of a body is known.
package enum Framing: Equatable, Sendable {
  case none
  case length(Int)
  case chunked
  /// By the end of the connection.
  case close
}

/// A response as it came, with the times at which it came.
package struct Response: Equatable, Sendable {
  /// How many bytes of the body were there at a time.
  package struct Arrival: Equatable, Sendable {
    package let bodyBytes: Int
    package let time: Instant

    package init(bodyBytes: Int, time: Instant) {
      self.bodyBytes = bodyBytes
      self.time = time
    }
  }

  /// "HTTP/1.1" or "HTTP/1.0".
  package var version = "HTTP/1.1"
  package var status: Int
  /// In the order of the wire.
  package var headers: [HeaderField] = []
  /// As transferred, chunk framing removed, content coding kept.
  package var body = Bytes()
  package var framing = Framing.none
  /// Whether the body ended as its framing demands.
  package var isWhole = true
  /// When the head was complete.
  package var headTime = Instant(nanoseconds: 0)
  /// When the last byte was there.
  package var endTime = Instant(nanoseconds: 0)
  /// In ascending order; at most `ResponseParser.maximumArrivals`, later ones replace the last.
  package var arrivals: [Arrival] = []

  package init(status: Int) { self.status = status }

  /// The value of a field, case-insensitively; several lines are joined with commas.
  package func header(_ name: String) -> String? {
    let name = name.lowercased()
    let values = headers.filter { $0.name.lowercased() == name }.map(\.value)
    return values.isEmpty ? nil : values.joined(separator: ", ")
  }

  /// The elements of a comma-separated field, in lower case.
  package func list(_ name: String) -> [String] {
    (header(name) ?? "").lowercased().split(separator: ",").map { element in
      String(trimmed(element))
    }
  }

  /// The media type without parameters, in lower case.
  package var mediaType: String? {
    header("Content-Type").map { value in
      trimmed(value.prefix { $0 != ";" }).lowercased()
    }
  }

  /// When the first byte of the body was there; the head's time when there is no body.
  package var firstByteTime: Instant { arrivals.first?.time ?? headTime }
}

/// A text without the blanks around it.
func trimmed(_ text: some StringProtocol) -> String {
  let start = text.drop { $0 == " " || $0 == "\t" }
  let end = start.lastIndex { $0 != " " && $0 != "\t" }
  return end.map { String(start[...$0]) } ?? ""
}

/// What a client asks for.
package struct Request: Sendable, Equatable {
  package let url: WebURL
  package var method = "GET"
  package var headers: [HeaderField] = []
  /// Bytes to send instead of a well-formed request.
  package var raw: Bytes?
  /// The methods of the requests within `raw`, in order; their responses are awaited.
  package var pipeline = ["GET"]
  /// For the whole exchange.
  package var timeout = Interval.seconds(10)
  /// Larger bodies end the exchange.
  package var bodyLimit = 32 << 20
  /// Whether a connection of its own is used.
  package var isAlone = false
  /// Whether the exchange goes on after the responses until the server closes.
  package var awaitsClose = false
  /// What to offer by ALPN.
  package var protocols = ["http/1.1"]
  /// Whether the exchange ends with the TLS handshake.
  package var isHandshakeOnly = false

  package init(_ url: WebURL, headers: [HeaderField] = []) {
    self.url = url
    self.headers = headers
  }

  /// The request as sent.
  package var bytes: Bytes {
    if let raw { return raw }
    var text = "\(method) \(url.target) HTTP/1.1\r\nHost: \(url.authority)\r\n"
    for field in headers { text += "\(field.name): \(field.value)\r\n" }
    return Bytes(utf8: text + "\r\n")
  }
}

/// A request and what came of it.
package struct Exchange: Sendable, Equatable {
  package enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
    case unreachable(String)
    /// The certificate, or TLS itself.
    case insecure(String)
    /// What came is no HTTP response.
    case malformed(String)
    case tooLarge
    case timedOut
    /// The server closed before the responses were whole.
    case closed
    case cancelled

    package var description: String {
      switch self {
      case .unreachable(let reason), .insecure(let reason): reason
      case .malformed(let reason): "not an HTTP response: \(reason)"
      case .tooLarge: "the answer is too large"
      case .timedOut: "no complete answer in time"
      case .closed: "the connection was closed before the answer was complete"
      case .cancelled: "given up"
      }
    }
  }

  package let request: Request
  package var begun: Instant
  /// Machine's UTC when the exchange began.
  package var begunUTC: UTCTime
  package var ended: Instant
  /// One for each request of the pipeline that was answered whole, in order.
  package var responses: [Response] = []
  /// The response that was being read when the exchange failed.
  package var partial: Response?
  /// Why not everything came; nil when it did.
  package var failure: Failure?
  /// Whether the server closed the connection, and when.
  package var closedAt: Instant?
  /// How many exchanges the connection had served before.
  package var reuses = 0
  /// What ALPN chose; nil without TLS.
  package var negotiatedProtocol: String?

  package init(request: Request, begun: Instant, begunUTC: UTCTime) {
    self.request = request
    self.begun = begun
    self.begunUTC = begunUTC
    ended = begun
  }

  /// The only response of an ordinary exchange that succeeded.
  package var response: Response? { failure == nil ? responses.first : nil }

  /// How long it took.
  package var duration: Interval { ended - begun }

  /// One line about what came, for findings.
  package var summary: String {
    if let failure { return "\(failure)" }
    guard let response = responses.first else { return "no answer" }
    return "status \(response.status) after \(duration.milliseconds) ms"
  }
}

extension Interval {
  /// Whole milliseconds, rounded towards zero.
  package var milliseconds: Int64 { nanoseconds / 1_000_000 }
}
