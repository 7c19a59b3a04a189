package import Wire

/// What came of looking at a requirement once; later cases win over earlier ones.
package enum Outcome: Int, Sendable, Comparable {
  /// Nothing to judge was seen.
  case notSeen
  /// What was seen is outside the requirement, or an optional feature is not offered.
  case notApplicable
  case pass
  case fail

  package static func < (left: Outcome, right: Outcome) -> Bool { left.rawValue < right.rawValue }
}

/// One observation that decided a requirement.
package struct Finding: Sendable, Equatable {
  /// What was looked at: a URL, or a name that the reader can find again.
  package let subject: String
  package let seen: String
  /// Since the check began.
  package let time: Interval
}

/// What a check has found so far about one requirement.
package struct Verdict: Sendable, Equatable {
  package fileprivate(set) var outcome = Outcome.notSeen
  package fileprivate(set) var passes = 0
  package fileprivate(set) var failures = 0
  /// The first failures when it failed, else the first observation of `outcome`; at most
  /// `Ledger.findingsPerRequirement`.
  package fileprivate(set) var findings: [Finding] = []
}

/// The book of a check: what was seen about each requirement.
///
/// Its size is bounded whatever a server does: one verdict for each number of the catalog, with few
/// findings of limited length.
package struct Ledger: Sendable {
  /// Failures kept for each requirement; the rest is only counted.
  package static let findingsPerRequirement = 4
  /// Characters kept of a subject, and of what was seen.
  package static let charactersPerText = 300

  /// The time that further records carry.
  package var time = Interval.zero
  private var verdicts: [String: Verdict] = [:]

  package init() {}

  /// Writes down one observation; `requirement` must be a number of the catalog.
  ///
  /// A failure wins over passes, a pass over "not applicable". `seen` is only asked for when it
  /// will be kept.
  package mutating func record(
    _ requirement: String,
    _ outcome: Outcome,
    _ subject: String,
    _ seen: @autoclosure () -> String
  ) {
    precondition(Catalog.requirement(requirement) != nil, "\(requirement) is not in the catalog")
    var verdict = verdicts[requirement] ?? Verdict()
    switch outcome {
    case .pass: verdict.passes += 1
    case .fail: verdict.failures += 1
    case .notApplicable, .notSeen: break
    }
    let isNews = outcome > verdict.outcome
    if isNews { verdict.findings = [] }
    if isNews
      || outcome == .fail && verdict.findings.count < Self.findingsPerRequirement
      || outcome == verdict.outcome && verdict.findings.isEmpty
    {
      let finding = Finding(
        subject: Self.shortened(subject),
        seen: Self.shortened(seen()),
        time: time
      )
      verdict.outcome = outcome
      verdict.findings.append(finding)
    }
    verdicts[requirement] = verdict
  }

  /// Writes down whether a condition holds.
  package mutating func expect(
    _ requirement: String,
    _ holds: Bool,
    _ subject: String,
    _ seen: @autoclosure () -> String
  ) {
    record(requirement, holds ? .pass : .fail, subject, seen())
  }

  /// What was found about a requirement of the catalog.
  package func verdict(_ requirement: String) -> Verdict { verdicts[requirement] ?? Verdict() }

  /// The numbers that failed, in the catalog's order.
  package var failed: [String] {
    Catalog.all.map(\.id).filter { verdict($0).outcome == .fail }
  }

  /// Whether a MUST failed, which fails the check.
  package var violatesMust: Bool {
    Catalog.all.contains { $0.level == .must && verdict($0.id).outcome == .fail }
  }

  /// Keeps control characters of a server out of terminals and its length in bounds.
  private static func shortened(_ text: String) -> String {
    var kept = ""
    for (count, scalar) in text.unicodeScalars.enumerated() {
      if count == charactersPerText { return kept + "…" }
      let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
      kept.unicodeScalars.append(isControl ? "\u{FFFD}" : scalar)
    }
    return kept
  }
}
