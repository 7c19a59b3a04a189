internal import HTTP

/// Values by the identity of heads, for those that many ask with.
///
/// A small number of places, of which a head has one: another that has the same takes it over. So nothing
/// grows with what clients think of, and a look costs no more than a few instructions.
struct HeadTable<Value: AnyObject> {
  private struct Entry {
    /// Kept alive: the identity of one that is gone may come again.
    let head: RequestHead
    let value: Value
  }

  /// Powers of two.
  private static var fewest: Int { 16 }
  private static var most: Int { 1024 }

  private var entries: [Entry?] = []
  private var count = 0

  subscript(head: RequestHead) -> Value? {
    guard !entries.isEmpty, let entry = entries[place(head)], entry.head === head else {
      return nil
    }
    return entry.value
  }

  mutating func remember(_ value: Value, for head: RequestHead) {
    if entries.isEmpty { entries = [Entry?](repeating: nil, count: Self.fewest) }
    if count * 2 >= entries.count, entries.count < Self.most { grow() }
    put(Entry(head: head, value: value))
  }

  private mutating func grow() {
    let before = entries
    entries = [Entry?](repeating: nil, count: before.count * 4)
    count = 0
    for case let entry? in before { put(entry) }
  }

  private mutating func put(_ entry: Entry) {
    let place = place(entry.head)
    if entries[place] == nil { count += 1 }
    entries[place] = entry
  }

  /// By the address of the head: a multiplicative hash, whose upper bits depend on all of it.
  private func place(_ head: RequestHead) -> Int {
    let address = UInt64(UInt(bitPattern: ObjectIdentifier(head)))
    return Int(truncatingIfNeeded: (address &* 0x9E37_79B9_7F4A_7C15) >> 32) & (entries.count - 1)
  }
}
