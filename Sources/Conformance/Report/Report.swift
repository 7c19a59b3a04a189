internal import FoundationEssentials
package import Wire

/// What a check found, ready to be told.
package struct Report: Sendable {
  package let url: String
  package var length = Interval.zero
  package var requests = 0
  package var ledger = Ledger()
  /// What has to be known beside the verdicts, such as outages of the source.
  package var notes: [String] = []

  package init(url: String) { self.url = url }

  /// How a verdict is called in reports.
  static func name(_ outcome: Outcome) -> String {
    switch outcome {
    case .pass: "pass"
    case .fail: "fail"
    case .notApplicable: "not applicable"
    case .notSeen: "not seen"
    }
  }

  /// The summary: one page, whatever was found.
  package var summary: String {
    var lines = ["\(url): \(requests) requests in \(Self.seconds(length)) s", ""]
    lines.append("family     pass  fail  not applicable  not seen")
    for family in ["HLS", "CMAF", "DASH", "HTTP"] {
      let verdicts = Catalog.all.filter { $0.family == family }.map { ledger.verdict($0.id) }
      let counts = [Outcome.pass, .fail, .notApplicable, .notSeen].map { outcome in
        verdicts.count { $0.outcome == outcome }
      }
      let columns = zip(counts, [6, 6, 16, 10]).map { Self.padded("\($0)", to: $1, atStart: true) }
      lines.append(Self.padded(family, to: 9) + columns.joined())
    }
    for requirement in Catalog.all where ledger.verdict(requirement.id).outcome == .fail {
      lines += ["", "\(requirement.id) \(requirement.level.rawValue) fails: \(requirement.title)"]
      let verdict = ledger.verdict(requirement.id)
      lines += verdict.findings.prefix(2).map(Self.line)
      if verdict.failures > 2 { lines.append("  … \(verdict.failures) times in all") }
    }
    if !notes.isEmpty { lines += [""] + notes }
    lines.append("")
    for outcome in [Outcome.pass, .notApplicable, .notSeen] {
      let numbers = Catalog.all.map(\.id).filter { ledger.verdict($0).outcome == outcome }
      lines += Self.wrapped("\(Self.name(outcome)):", numbers)
    }
    for requirement in Catalog.all where ledger.verdict(requirement.id).outcome == .notSeen {
      guard let finding = ledger.verdict(requirement.id).findings.first else { continue }
      lines.append("not seen: \(requirement.id), \(finding.seen)")
    }
    let hidden = Catalog.all.filter { requirement in
      Catalog.outOfSight[requirement.id] != nil
        && ledger.verdict(requirement.id).outcome == .notSeen
    }
    lines += hidden.map { requirement in
      "not checkable from outside: \(requirement.id), "
        + (Catalog.outOfSight[requirement.id] ?? "")
    }
    let count = Catalog.all.count { requirement in
      requirement.level == .must && ledger.verdict(requirement.id).outcome == .fail
    }
    lines += [
      "", count == 0 ? "No MUST fails." : "\(count) MUST \(count == 1 ? "fails" : "fail").",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  /// Every requirement with its verdict and what was seen, a line or a few each.
  package var details: String {
    var lines: [String] = []
    for requirement in Catalog.all {
      let verdict = ledger.verdict(requirement.id)
      let name = Self.padded(Self.name(verdict.outcome), to: 15)
      let number = Self.padded(requirement.id, to: 9)
      let level = Self.padded(requirement.level.rawValue, to: 7)
      lines.append("\(number)\(level)\(name)\(requirement.title)")
      lines += verdict.findings.map(Self.line)
      if verdict.failures > verdict.findings.count {
        lines.append("  … \(verdict.failures) times in all")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func line(_ finding: Finding) -> String {
    "  \(seconds(finding.time)) s  \(finding.subject): \(finding.seen)"
  }

  /// Seconds with one digit after the point.
  static func seconds(_ interval: Interval) -> String {
    let tenths = interval.nanoseconds / 100_000_000
    return "\(tenths / 10).\(abs(tenths % 10))"
  }

  private static func padded(_ text: String, to width: Int, atStart: Bool = false) -> String {
    let blanks = String(repeating: " ", count: max(0, width - text.count))
    return atStart ? blanks + text : text + blanks
  }

  /// Words behind a heading, in lines of at most a hundred characters.
  private static func wrapped(_ heading: String, _ words: [String]) -> [String] {
    guard !words.isEmpty else { return [] }
    var lines: [String] = []
    var line = heading
    for word in words {
      if line.count + word.count + 1 > 100 {
        lines.append(line)
        line = "   "
      }
      line += " " + word
    }
    return lines + [line]
  }
}

/// The report for machines.
private struct ReportDocument: Encodable {
  struct Entry: Encodable {
    struct Observation: Encodable {
      let subject: String
      let seen: String
      let seconds: Double
    }

    let id: String
    let level: Level
    let title: String
    let outcome: String
    let passes: Int
    let failures: Int
    let findings: [Observation]
    let notCheckable: String?
  }

  let url: String
  let seconds: Double
  let requests: Int
  let violatesMust: Bool
  let notes: [String]
  let requirements: [Entry]
}

extension Report {
  /// The report as JSON: an object with `url`, `seconds`, `requests`, `violatesMust`, `notes` and
  /// `requirements`, one for each number of the catalog.
  package var json: String {
    let entries = Catalog.all.map { requirement in
      let verdict = ledger.verdict(requirement.id)
      return ReportDocument.Entry(
        id: requirement.id,
        level: requirement.level,
        title: requirement.title,
        outcome: Self.name(verdict.outcome),
        passes: verdict.passes,
        failures: verdict.failures,
        findings: verdict.findings.map { finding in
          ReportDocument.Entry.Observation(
            subject: finding.subject,
            seen: finding.seen,
            seconds: Double(finding.time.milliseconds) / 1000
          )
        },
        notCheckable: Catalog.outOfSight[requirement.id]
      )
    }
    let document = ReportDocument(
      url: url,
      seconds: Double(length.milliseconds) / 1000,
      requests: requests,
      violatesMust: ledger.violatesMust,
      notes: notes,
      requirements: entries
    )
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(document) else {
      preconditionFailure("strings and finite numbers can be encoded")
    }
    return String(decoding: data, as: UTF8.self) + "\n"
  }
}
