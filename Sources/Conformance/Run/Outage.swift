internal import Wire

/// Media that was seen for the first time.
struct Activity: Equatable, Sendable {
  let time: Instant
  /// Whether a gap or a discontinuity stands before it.
  let isMarked: Bool
}

/// A time in which no rendition of a presentation got any media.
///
/// From outside, a source that is silent and a server that hands nothing on look alike. What a server
/// owes in such a time is judged all the same; only what needs media is not held against it.
struct Outage: Equatable, Sendable {
  enum Ending: String, Equatable, Sendable {
    /// What came first stands behind a gap or a discontinuity.
    case marked = "then there is a gap or a discontinuity"
    /// What came goes on where the last ended.
    case unmarked = "then all that was missing came"
    case open = "and has not come back"
  }

  let begin: Instant
  /// When media came again; for one that has not ended, when it was last looked for.
  let end: Instant
  let ending: Ending
}

/// How long a silence has to last.
struct OutageLimits: Equatable, Sendable {
  /// When it is marked, which says that media was lost.
  var marked: Interval
  /// When it is not.
  var unmarked: Interval
}

/// The outages of a check.
struct Outages: Equatable, Sendable {
  /// Silences that end without a mark, or not at all: more are no outages but the way in which a
  /// server delivers.
  static let maximumUnmarked = 1

  private(set) var all: [Outage] = []
  /// Unmarked silences that were too many to be outages.
  private(set) var disbelieved = 0

  init() {}

  /// Looks for silences in what came of all renditions.
  init(_ activities: [Activity], limits: OutageLimits, until end: Instant) {
    let sorted = activities.sorted { $0.time < $1.time }
    for (index, before) in sorted.enumerated() {
      let next = index + 1 < sorted.count ? sorted[index + 1] : nil
      let silence = (next?.time ?? end) - before.time
      // Renditions begin anew one after another.
      let isMarked = sorted[(index + 1)...].prefix { activity in
        next.map { activity.time - $0.time <= .milliseconds(500) } ?? false
      }.contains(where: \.isMarked)
      guard silence > (isMarked ? limits.marked : limits.unmarked) else { continue }
      let ending: Outage.Ending = next == nil ? .open : isMarked ? .marked : .unmarked
      all.append(Outage(begin: before.time, end: next?.time ?? end, ending: ending))
    }
    let unmarked = all.count { $0.ending != .marked }
    if unmarked > Self.maximumUnmarked {
      disbelieved = unmarked
      all.removeAll { $0.ending != .marked }
    }
  }

  /// How much of a time was no outage.
  func without(_ begin: Instant, _ end: Instant) -> Interval {
    all.reduce(end - begin) { rest, outage in
      let overlap = min(end, outage.end) - max(begin, outage.begin)
      return overlap > .zero ? rest - overlap : rest
    }
  }

  /// What a reader of the report has to know about them.
  func notes(since begin: Instant) -> [String] {
    var notes = all.map { outage in
      "source was silent from \(Report.seconds(outage.begin - begin)) s to "
        + "\(Report.seconds(outage.end - begin)) s, \(outage.ending.rawValue): what needs media is not"
        + " held against the server for that time"
    }
    if disbelieved > 0 {
      notes.append(
        "\(disbelieved) silences without a gap or a discontinuity are too many to be the source's"
      )
    }
    return notes
  }

  /// Whether any of a time was an outage.
  func touch(_ begin: Instant, _ end: Instant) -> Bool { without(begin, end) < end - begin }
}

/// A time that something took, of which outages may be taken off.
struct Wait: Equatable, Sendable {
  /// Waits of one kind that are kept.
  static let maximumKept = 4096

  let begin: Instant
  let end: Instant
  let limit: Interval
}

extension Tally {
  /// Counts waits without what of them was an outage.
  mutating func add(_ waits: [Wait], without outages: Outages) {
    for wait in waits { add(wait: outages.without(wait.begin, wait.end), limit: wait.limit) }
  }
}
