/// How long a response may be kept by a shared cache, RFC 9111 §5.2.
enum CacheLifetime: Equatable, Sendable {
  /// There is no Cache-Control.
  case unsaid
  /// It may not be kept at all.
  case never
  /// Seconds; those of shared caches where both are given.
  case seconds(Int)
  /// It may be kept, but for how long is not said.
  case open

  init(_ response: Response) {
    guard response.header("Cache-Control") != nil else {
      self = .unsaid
      return
    }
    let directives = response.list("Cache-Control")
    if directives.contains("no-store") || directives.contains("private") {
      self = .never
      return
    }
    let age = Self.argument("s-maxage", directives) ?? Self.argument("max-age", directives)
    if let age {
      self = .seconds(age)
    } else {
      self = directives.contains("no-cache") ? .seconds(0) : .open
    }
  }

  private static func argument(_ name: String, _ directives: [String]) -> Int? {
    for directive in directives where directive.hasPrefix(name + "=") {
      return wholeNumber(directive.dropFirst(name.count + 1))
    }
    return nil
  }

  /// Whether it is kept for so many seconds at most.
  func isAtMost(_ most: Int) -> Bool {
    switch self {
    case .never: true
    case .seconds(let seconds): seconds <= most
    case .unsaid, .open: false
    }
  }

  /// Whether it is kept for so many seconds at least.
  func isAtLeast(_ least: Int) -> Bool {
    if case .seconds(let seconds) = self { seconds >= least } else { false }
  }
}
