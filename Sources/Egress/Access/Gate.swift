internal import HTTP
internal import Wire

/// Decides whether a request is looked at, by who asks and how.
///
/// Pure.
struct Gate {
  /// Whose requests come by a listener.
  enum Side {
    case viewers
    /// Who runs the service: nothing is asked of them, and they get no media.
    case operators
  }

  enum Decision: Equatable {
    /// To be answered; the head is without its token.
    case admitted(RequestHead)
    case refused(Refusal)
    /// Nothing is wanted but to know whether a viewer may ask; for how long is the answer good?
    case authorized(seconds: Int64)
  }

  enum Refusal: Equatable {
    case token(AccessToken.Refusal)
    case secret
    case notServedHere
  }

  var secrets = AccessSecrets()
  /// Whether liveness and readiness are told without the origin's secret.
  var hasOpenHealth: Bool
  /// Whether operators have listeners of their own.
  let hasOperators: Bool

  /// Begins the path segment that is a token; an unreserved character, which nothing re-encodes.
  static let tokenMark = UInt8(ascii: "~")
  static let tokenMarkText = "~"
  /// The query's parameter that may hold a token instead.
  static let tokenParameter = "token"
  /// The first segment of a question of a cache whether a viewer may have what the others name.
  static let question = Bytes(utf8: "authorize")
  /// How long a cache may believe an answer, at most: so long a withdrawn key lives on there.
  static let longestBelief: Int64 = 300

  func decide(_ head: RequestHead, from side: Side, utc: UTCTime) -> Decision {
    let segments = head.target.segments
    let operation = Operation(segments)
    if side == .operators {
      return operation == nil ? .refused(.notServedHere) : .admitted(head)
    }
    let isHealth = operation == .health || operation == .readiness
    if let secret = secrets.origin, !(isHealth && hasOpenHealth), !secret.isShown(by: head) {
      return .refused(.secret)
    }
    if operation == .metrics || operation == .status, hasOperators {
      return .refused(.notServedHere)
    }
    // Browsers send no token with a preflight of a path that is none of a viewer's.
    guard let keys = secrets.keys, operation == nil, head.target.form == .path else {
      return .admitted(head)
    }
    let isQuestion = segments.count > 1 && segments[0] == Self.question
    let inner = isQuestion ? head.droppingFirstSegment() : head
    guard head.method != .options else { return .admitted(head.droppingToken()) }
    do throws(AccessToken.Refusal) {
      let (token, path) = try Self.token(of: inner)
      guard let token else {
        // A cache that has shown who it is answers for its viewers.
        guard secrets.origin != nil, !isQuestion else { throw .missing }
        return .admitted(head)
      }
      try token.check(path.target.segments, keys, now: utc)
      // A token is for media: what is not for viewers is not for this one.
      guard Operation(path.target.segments) == nil else { return .refused(.notServedHere) }
      guard isQuestion else { return .admitted(path) }
      let rest = (token.expiry.microseconds - utc.microseconds) / 1_000_000
      return .authorized(seconds: min(rest, Self.longestBelief))
    } catch {
      return .refused(.token(error))
    }
  }

  private enum Operation: String {
    case health = "healthz"
    case readiness = "readyz"
    case metrics
    case status = "status.json"
    case time

    init?(_ segments: [Bytes]) {
      guard segments.count == 1 else { return nil }
      self.init(rawValue: segments[0].text)
    }
  }

  /// A request's token, of its path or else of its query, and the request without that of the path.
  private static func token(
    of head: RequestHead
  ) throws(AccessToken.Refusal) -> (AccessToken?, RequestHead) {
    if head.hasTokenSegment {
      let text = head.target.segments[0].suffix(from: 1)
      return (try AccessToken(text), head.droppingFirstSegment())
    }
    guard let text = head.target.first(tokenParameter) else { return (nil, head) }
    return (try AccessToken(Bytes(utf8: text)), head)
  }
}

extension RequestHead {
  fileprivate var hasTokenSegment: Bool {
    target.segments.count > 1 && target.segments[0].slice.first == Gate.tokenMark
  }

  fileprivate func droppingToken() -> RequestHead {
    hasTokenSegment ? droppingFirstSegment() : self
  }
}

extension Gate.Refusal {
  /// Never kept by a cache: what is refused to one viewer is not refused to another.
  var response: Response {
    switch self {
    case .token(let refusal):
      .text(.forbidden, refusal.reason, cacheControl: CachePolicy.never)
    case .secret:
      .text(.forbidden, "only the CDN may ask here", cacheControl: CachePolicy.never)
    case .notServedHere: .notFound("nothing is served here")
    }
  }
}
