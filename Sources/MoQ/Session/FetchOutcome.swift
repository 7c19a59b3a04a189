/// What came of fetching a range of the past.
package struct FetchOutcome: Hashable, Sendable {
  /// How it ended.
  package enum End: Hashable, Sendable {
    /// The publisher sent what it has.
    case complete
    /// The publisher refused, or nothing was asked because it cannot serve a FETCH.
    case failed(RequestFailure)
    /// The publisher broke off; there may be more.
    case reset(code: UInt64)
    /// We broke off: an object was over a limit.
    case refused(reason: String)
    /// Nothing came in time.
    case unanswered
    /// The subscription it belongs to ended first.
    case cancelled
  }

  /// How it ended; when it took several requests, how the last one that did not complete did.
  package var end: End
  /// How many objects came, those that were known already counted too.
  package var objects: UInt64
  /// What the publisher says does not exist and never will, in no order.
  package var absent: [ClosedRange<Location>]
  /// What it does not say anything about, in no order; it may exist.
  package var unknown: [ClosedRange<Location>]

  /// Joins the parts.
  package init(
    end: End = .complete,
    objects: UInt64 = 0,
    absent: [ClosedRange<Location>] = [],
    unknown: [ClosedRange<Location>] = []
  ) {
    self.end = end
    self.objects = objects
    self.absent = absent
    self.unknown = unknown
  }
}
