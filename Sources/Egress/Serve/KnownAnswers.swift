internal import HTTP

/// Answers given from one snapshot, so that they are made once for all who ask in the same words.
///
/// A reference, dropped with the snapshot that the answers are of.
final class KnownAnswers {
  private final class Entry {
    /// What was waited for; nil for an answer given at once.
    let want: Want?
    let response: Response

    init(_ want: Want?, _ response: Response) {
      self.want = want
      self.response = response
    }
  }

  private var entries = HeadTable<Entry>()

  /// What was answered at once to others who have asked in the same words.
  subscript(head: RequestHead) -> Response? {
    guard let known = entries[head], known.want == nil else { return nil }
    return known.response
  }

  /// The answer to a head, which waited for `want` (nil: did not wait).
  ///
  /// `make` must depend on the snapshot, the head and the want alone. Only what is whole is kept.
  func answer(to head: RequestHead, after want: Want? = nil, _ make: () -> Answer?) -> Answer? {
    if let known = entries[head], known.want == want {
      return .now(known.response)
    }
    guard let answer = make() else { return nil }
    guard case .now(let response) = answer else { return answer }
    let shared = response.sharing
    entries.remember(Entry(want, shared), for: head)
    return .now(shared)
  }
}
