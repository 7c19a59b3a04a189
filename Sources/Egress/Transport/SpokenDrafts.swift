internal import MoQ

/// The drafts that sessions are offered.
enum SpokenDrafts {
  /// All of them, best first, or the one that is wanted; 0 wants all.
  static func offered(_ wanted: Int) -> [Draft] {
    Draft.offerOrder.filter { wanted == 0 || $0.rawValue == wanted }
  }
}
