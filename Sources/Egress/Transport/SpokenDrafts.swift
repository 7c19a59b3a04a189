internal import MoQ

/// The drafts that sessions are offered.
enum SpokenDrafts {
  private static let all: Set<Draft> = [.draft18, .draft16, .draft14]

  /// All of them, best first, or the one that is wanted; 0 wants all.
  static func offered(_ wanted: Int) -> [Draft] {
    Draft.offerOrder.filter { draft in
      all.contains(draft) && (wanted == 0 || draft.rawValue == wanted)
    }
  }
}
