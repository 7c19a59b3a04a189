internal import Wire

/// Pauses between attempts: doubling up to a limit, with up to a quarter taken off by chance, so that
/// many bridges that lost one relay do not come back in step.
struct Backoff {
  private let first: Interval
  private let most: Interval
  private var failures: Int64 = 0

  init(first: Interval, most: Interval) {
    self.first = first
    self.most = most
  }

  mutating func succeeded() { failures = 0 }

  /// For how long a peer is left alone at its own wish.
  static let longestWish = Interval.seconds(60)

  /// The pause after another failure.
  mutating func next(using random: inout some RandomNumberGenerator) -> Interval {
    let doubled = first.nanoseconds << min(failures, 20)
    failures += 1
    let pause = min(max(doubled, first.nanoseconds), most.nanoseconds)
    return Interval(nanoseconds: pause - Int64.random(in: 0...pause / 4, using: &random))
  }
}
