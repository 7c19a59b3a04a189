import CMAF
import Wire

/// Gives the pictures of one group decode times and durations; a group is a world of its own.
///
/// Objects tell when pictures are shown. Decode times are the same times in ascending order, so the
/// presentation is exact and offsets may be negative. A picture is given out when the pictures that
/// may be shown before it, and one more, have come.
struct VideoTimeline: Sendable {
  /// A picture with its times in ticks.
  struct Picture: Sendable {
    var object: UInt64
    var sample: CodedSample
    var presentation: Int64
    /// Told by the packaging, or found here.
    var decode: Int64?
    /// The decode time at which it is over, where the packaging tells it.
    var end: Int64?
    fileprivate(set) var duration: Int64 = 0
  }

  let timing: Timing
  private let declaredDepth: Int?
  private var depth: Int?
  /// In decode order; the first `placed` have decode times.
  private var queue: [Picture] = []
  private var placed = 0
  /// The presentation times that are no picture's decode time yet, ascending.
  private var times: [Int64] = []
  private var lastDecode: Int64?
  private var lastDuration: Int64?
  private var lastPresentation: Int64?
  private var lowest: Int64?
  private var highest: Int64?
  private var step: Int64?
  private var isSteady = true
  private var count = 0

  /// `depth` is how many pictures may come before one that is shown before them; without one each
  /// group's first pictures tell.
  init(timing: Timing, depth: Int?) {
    self.timing = timing
    declaredDepth = depth
    self.depth = depth
  }

  /// Whether pictures that should be reordered came in a steady rhythm of ascending times: then these
  /// are decode times.
  var looksLikeDecodeTimes: Bool { (declaredDepth ?? 0) > 0 && isSteady && count > 4 }

  /// When what has come of the group is over, and what a picture lasts; nil while something is
  /// missing.
  var end: (ticks: Int64, length: Int64)? {
    guard let lowest, let highest else { return nil }
    let length = timing.nominal(after: lastDuration ?? step.flatMap { $0 > 0 ? $0 : nil })
    let end = highest + length
    // Where pictures are reordered, some that are shown before the last one may be missing.
    let isWhole = depth == 0 || abs(end - lowest - Int64(count) * length) * 2 <= length
    return isWhole ? (end, length) : nil
  }

  /// Takes the next picture of the group and gives out those that are ready.
  mutating func append(_ picture: Picture) -> [Picture] {
    observe(picture.presentation)
    queue.append(picture)
    if picture.decode == nil {
      let index = times.firstIndex { $0 > picture.presentation } ?? times.count
      times.insert(picture.presentation, at: index)
    }
    if depth == nil, queue.count >= VideoTimeline.observed { depth = observedDepth }
    guard let depth else { return [] }
    place(keeping: depth)
    return release()
  }

  /// Ends the group and gives out all that is left.
  ///
  /// `end` is when the last picture is over, where that is known.
  mutating func flush(end: Int64?) -> [Picture] {
    place(keeping: 0)
    var pictures = release()
    if var last = queue.last, let decode = last.decode {
      let told = last.end ?? end
      let duration = told.map { $0 - decode } ?? 0
      last.duration =
        duration > 0 && duration <= timing.longest
        ? duration : timing.nominal(after: lastDuration)
      pictures.append(last)
    }
    self = VideoTimeline(timing: timing, depth: declaredDepth)
    return pictures
  }

  /// Gives decode times to the oldest pictures while more than `depth` times wait.
  private mutating func place(keeping depth: Int) {
    while placed < queue.count {
      var decode: Int64
      if let told = queue[placed].decode {
        decode = told
      } else {
        guard times.count > depth else { return }
        decode = times.removeFirst()
      }
      // Times that don't ascend are made to: by one tick, which no player can see.
      if let lastDecode, decode <= lastDecode { decode = lastDecode + 1 }
      queue[placed].decode = decode
      lastDecode = decode
      placed += 1
    }
  }

  private mutating func release() -> [Picture] {
    var pictures: [Picture] = []
    var index = 0
    while index < placed {
      guard let decode = queue[index].decode else { break }
      let next = index + 1 < placed ? queue[index + 1].decode : nil
      guard let end = queue[index].end ?? next, index + 1 < placed || queue[index].end != nil else {
        break
      }
      let duration = end - decode
      queue[index].duration =
        duration > 0 && duration <= timing.longest
        ? duration : timing.nominal(after: lastDuration)
      lastDuration = queue[index].duration
      pictures.append(queue[index])
      index += 1
    }
    queue.removeFirst(index)
    placed -= index
    return pictures
  }

  /// The most pictures that came before one shown before them.
  private var observedDepth: Int {
    queue.indices.map { index in
      queue[..<index].count { $0.presentation > queue[index].presentation }
    }.max() ?? 0
  }

  private mutating func observe(_ presentation: Int64) {
    if let lastPresentation {
      let next = presentation - lastPresentation
      // Microseconds leave a tick of doubt.
      if next <= 0 || abs(next - (step ?? next)) > 1 { isSteady = false }
      step = step ?? next
    }
    lastPresentation = presentation
    lowest = min(lowest ?? presentation, presentation)
    highest = max(highest ?? presentation, presentation)
    count += 1
  }

  /// How many pictures of a group show whether it reorders.
  private static let observed = 5
}
