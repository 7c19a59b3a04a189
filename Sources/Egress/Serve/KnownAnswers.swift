internal import HTTP

/// Answers given from one snapshot, so that they are made once for all who ask in the same words.
///
/// A reference, dropped with the snapshot that the answers are of.
final class KnownAnswers {
  private final class Entry {
    /// Kept alive: the identity of one that is gone may come again.
    private let head: RequestHead
    /// What was waited for; nil for an answer given at once.
    let want: Want?
    let response: Response

    init(_ head: RequestHead, _ want: Want?, _ response: Response) {
      self.head = head
      self.want = want
      self.response = response
    }
  }

  /// Heads that have answers of one snapshot; past it all are made anew.
  private static let limit = 1024
  private var entries: [ObjectIdentifier: Entry] = [:]

  /// The answer to a head, which waited for `want` (nil: did not wait).
  ///
  /// `make` must depend on the snapshot, the head and the want alone. Only what is whole is kept.
  func answer(to head: RequestHead, after want: Want? = nil, _ make: () -> Answer?) -> Answer? {
    if let known = entries[ObjectIdentifier(head)], known.want == want {
      return .now(known.response)
    }
    guard let answer = make() else { return nil }
    guard case .now(let response) = answer else { return answer }
    let shared = response.sharing
    if entries.count >= Self.limit { entries.removeAll(keepingCapacity: true) }
    entries[ObjectIdentifier(head)] = Entry(head, want, shared)
    return .now(shared)
  }
}
