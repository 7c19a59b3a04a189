/// What was complained about lately: the same again is not worth a line.
///
/// With several upstreams each has its own reason to fail.
struct Complaints {
  private var said: [String] = []
  private static let limit = 16

  /// Whether a complaint is new.
  mutating func note(_ complaint: String) -> Bool {
    guard !said.contains(complaint) else { return false }
    if said.count == Self.limit { said.removeFirst() }
    said.append(complaint)
    return true
  }
}
