/// The ticks that name a rendition's media in one epoch, by the timescale that they are counted in.
///
/// Media time goes on when a timescale changes, and ticks that are fewer a second come again: what they
/// name then must be told from what they named before.
struct UsedNames {
  private let epoch: Epoch
  private var ranges: [(timescale: UInt32, first: Int64, last: Int64)]
  /// Whether names of the present timescale have a mark of their own.
  private(set) var isMarked = false
  private static let rangeLimit = 8
  /// What is further off than so many seconds, as it is for times in UTC, does not come again.
  private static let farSeconds: Int64 = 366 * 86_400

  init(_ epoch: Epoch, timescale: UInt32, start: Int64) {
    self.epoch = epoch
    ranges = [(timescale, start, start)]
  }

  func belong(to other: Epoch) -> Bool { epoch == other }

  /// Goes on in another timescale, from a start in its ticks; `last` is the newest name in the old.
  mutating func change(from old: UInt32, last: Int64, to new: UInt32, start: Int64) {
    if !isMarked, let place = ranges.firstIndex(where: { $0.timescale == old }) {
      ranges[place].last = max(ranges[place].last, last)
    }
    let far = Self.farSeconds * Int64(new)
    isMarked =
      ranges.count >= Self.rangeLimit
      || ranges.contains { range in
        range.timescale != new && start <= range.last && range.first - start < far
      }
    guard !isMarked, !ranges.contains(where: { $0.timescale == new }) else { return }
    ranges.append((new, start, start))
  }

  /// The epoch as the media of a timescale names it.
  func epoch(for timescale: UInt32) -> Epoch {
    isMarked ? Epoch(name: "\(epoch.name)-\(timescale)hz", zero: epoch.zero) : epoch
  }
}
