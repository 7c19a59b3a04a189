package import Wire

/// Why a request was refused.
package struct RequestFailure: Hashable, Sendable {
  /// What the code means.
  package var meaning: RequestErrorMeaning
  /// The code as sent; nil when the request failed without one.
  package var code: UInt64?
  /// A text for people.
  package var reason: String
  /// How long to wait before trying again; nil when the peer does not want that or cannot say.
  package var retryAfter: Interval?
  /// Where to ask instead.
  package var redirect: RequestError.Redirect?

  /// Joins the parts.
  package init(
    meaning: RequestErrorMeaning,
    code: UInt64? = nil,
    reason: String,
    retryAfter: Interval? = nil,
    redirect: RequestError.Redirect? = nil
  ) {
    self.meaning = meaning
    self.code = code
    self.reason = reason
    self.retryAfter = retryAfter
    self.redirect = redirect
  }

  init(_ error: RequestError, draft: Draft) {
    meaning = RequestErrorMeaning(code: error.code, draft: draft, kind: error.kind)
    code = error.code
    reason = error.reason
    // A day is as good as any longer time.
    retryAfter =
      error.retryInterval == 0
      ? nil : .milliseconds(Int64(min(error.retryInterval - 1, 86_400_000)))
    redirect = error.redirect
  }
}
