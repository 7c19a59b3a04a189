/// A first-in first-out queue whose ends both cost constant time.
struct EventQueue<Element> {
  private var elements: [Element?] = []
  private var head = 0

  var isEmpty: Bool { head == elements.count }
  var count: Int { elements.count - head }

  mutating func append(_ element: Element) { elements.append(element) }

  mutating func popFirst() -> Element? {
    guard head < elements.count else { return nil }
    let element = elements[head]
    elements[head] = nil
    head += 1
    if head == elements.count {
      elements.removeAll(keepingCapacity: head <= 1024)
      head = 0
    }
    return element
  }
}

/// A set of integers as disjoint, ascending runs.
struct IntervalSet {
  private(set) var runs: [ClosedRange<UInt64>] = []

  /// Adds a number; false when it is there already.
  mutating func insert(_ value: UInt64) -> Bool {
    // The first run that does not lie wholly before the value.
    var low = 0
    var high = runs.count
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].upperBound < value { low = middle + 1 } else { high = middle }
    }
    if low < runs.count, runs[low].contains(value) { return false }
    let joinsBefore = low > 0 && runs[low - 1].upperBound == value &- 1 && value > 0
    let joinsAfter = low < runs.count && value < .max && runs[low].lowerBound == value + 1
    switch (joinsBefore, joinsAfter) {
    case (true, true):
      runs[low - 1] = runs[low - 1].lowerBound...runs[low].upperBound
      runs.remove(at: low)
    case (true, false): runs[low - 1] = runs[low - 1].lowerBound...value
    case (false, true): runs[low] = value...runs[low].upperBound
    case (false, false): runs.insert(value...value, at: low)
    }
    return true
  }
}
