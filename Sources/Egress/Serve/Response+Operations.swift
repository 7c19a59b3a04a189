internal import HTTP
internal import Manifests
internal import Wire

// Answers that are about the service and its protocol, not about media.
extension Response {
  /// A text that is true now only.
  static func operational(_ text: String, _ contentType: String) -> Response {
    Response(
      .ok,
      [
        ResponseHead.line("Content-Type", contentType),
        ResponseHead.line("Cache-Control", CachePolicy.never), crossOrigin,
      ],
      .whole([Bytes(utf8: text)])
    )
  }

  /// Fetch standard §"CORS protocol": what pages may send is what they ask for.
  static func preflight(_ head: RequestHead) -> Response {
    let wanted = head.value("access-control-request-headers")?.text ?? usualFields
    return Response(
      .noContent,
      [
        ResponseHead.line("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"),
        ResponseHead.line("Access-Control-Allow-Headers", wanted),
        ResponseHead.line("Access-Control-Max-Age", "86400"),
        ResponseHead.line("Allow", "GET, HEAD, OPTIONS"),
        ResponseHead.line("Vary", "Access-Control-Request-Headers"), crossOrigin,
      ],
      .none
    )
  }

  /// What players send that needs leave, where they do not say: ranges, conditions, CTA-5004.
  private static let usualFields =
    "Range, If-Range, If-None-Match, CMCD-Request, CMCD-Object, CMCD-Status, CMCD-Session"

  /// A viewer may ask, which a cache may believe for so long.
  static func authorized(seconds: Int64) -> Response {
    Response(
      .noContent,
      [
        ResponseHead.line(
          "Cache-Control",
          seconds > 0 ? "public, max-age=\(seconds)" : CachePolicy.never
        ), crossOrigin,
      ],
      .none
    )
  }

  /// A 429 for one address: never another's.
  static var tooManyRequests: Response {
    .text(
      .tooManyRequests,
      "too many requests of one address",
      cacheControl: CachePolicy.never,
      extra: [ResponseHead.line("Retry-After", "1")]
    )
  }

  static func methodNotAllowed(_ name: String) -> Response {
    .text(
      .methodNotAllowed,
      "\(name.prefix(32)) is not supported",
      cacheControl: CachePolicy.fixed,
      extra: [ResponseHead.line("Allow", "GET, HEAD, OPTIONS")]
    )
  }

  /// The same path with a slash at its end, relative, as caches may serve it under a path of theirs.
  static func redirect(toFolder path: BroadcastPath) -> Response {
    let location = MediaPath.encoded(path.fields[path.fields.count - 1]) + "/"
    return .text(
      .temporaryRedirect,
      "see \(location)",
      cacheControl: CachePolicy.page,
      extra: [ResponseHead.line("Location", location)]
    )
  }

  /// A 503 that asks the client to come back in a second.
  static func unavailable(_ reason: String) -> Response {
    .text(
      .unavailable,
      reason,
      cacheControl: CachePolicy.never,
      extra: [ResponseHead.line("Retry-After", "1")]
    )
  }
}
