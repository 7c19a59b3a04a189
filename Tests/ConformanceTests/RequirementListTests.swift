import FoundationEssentials
import Testing
import Wire

@testable import Conformance

/// The list of requirements, and the proof that the checker can fail each.
@Suite struct RequirementListTests {
  /// The numbers of each family, all of them, as the list of requirements has them.
  private static let numbers: [String: [Int]] = [
    "HLS": Array(1...33) + Array(40...82), "CMAF": Array(1...17), "DASH": Array(1...31),
    "HTTP": Array(1...25),
  ]

  /// The rest is MUST.
  private static let should: Set = [
    "HLS-027", "HLS-032", "HLS-033", "HLS-051", "HLS-079", "HLS-081", "CMAF-013", "CMAF-016",
    "DASH-007", "DASH-019", "DASH-028", "DASH-029", "DASH-031", "HTTP-024",
  ]

  private static let listed: [String: Level] = {
    var levels: [String: Level] = [:]
    for (family, numbers) in numbers {
      for number in numbers {
        let digits = String(1000 + number).dropFirst()
        let id = "\(family)-\(digits)"
        levels[id] = should.contains(id) ? .should : .must
      }
    }
    return levels
  }()

  @Test func `the catalog is the list, number by number`() {
    #expect(Self.listed.count == 149)
    #expect(Dictionary(uniqueKeysWithValues: Catalog.all.map { ($0.id, $0.level) }) == Self.listed)
  }

  /// Numbers with a row in a table of violations, each of which a test holds to fail.
  private static var inTables: Set<String> {
    var numbers = PlaylistRuleTests.mutations.map(\.number) + PlaylistRuleTests.edits.map(\.number)
    numbers += HistoryRuleTests.history.flatMap(\.numbers)
    numbers += HistoryRuleTests.presentation.flatMap(\.numbers)
    numbers += HistoryRuleTests.multivariant.flatMap(\.numbers)
    numbers += MediaTimeRuleTests.neighbours.flatMap(\.numbers)
    numbers += ReloadRuleTests.wrong.flatMap(\.numbers) + HTTPRuleTests.rows.flatMap(\.numbers)
    numbers += MediaMutation.all.map(\.number) + ManifestMutation.all.map(\.number)
    numbers += UpdateMutation.all.map(\.number) + OriginMutation.all.map(\.number)
    return Set(numbers + SingleViolation.all.map(\.number))
  }

  @Test func `every number can fail, or is said not to be visible from outside`() {
    let hidden = Set(Catalog.outOfSight.keys)
    #expect(Self.inTables.isDisjoint(with: hidden))
    #expect(Self.inTables.union(hidden) == Set(Self.listed.keys))
  }

  @Test(arguments: SingleViolation.all.indices)
  func `a violation of no table fails its number`(_ index: Int) {
    let violation = SingleViolation.all[index]
    #expect(failures(violation.judge).contains(violation.number), "\(violation.number)")
  }

  // MARK: JSON

  /// What machines read.
  private struct Document: Decodable {
    struct Entry: Decodable {
      struct Observation: Decodable {
        let subject: String
        let seen: String
        let seconds: Double
      }

      let id: String
      let level: String
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

  @Test func `a report in JSON has every number, and what was seen`() throws {
    var report = Report(url: "http://a/\"quoted\"\u{7}")
    report.length = .milliseconds(1500)
    report.requests = 3
    report.notes = ["source was silent"]
    report.ledger.time = .milliseconds(250)
    report.ledger.record("HLS-002", .fail, "http://a/b", "text/plain\n")
    report.ledger.record("HTTP-002", .pass, "s", "three")
    report.ledger.record("DASH-026", .notApplicable, "s", "no PatchLocation")
    let read = try JSONDecoder().decode(Document.self, from: Data(report.json.utf8))
    #expect(read.url == "http://a/\"quoted\"\u{7}")
    #expect(read.seconds == 1.5)
    #expect(read.requests == 3)
    #expect(read.violatesMust)
    #expect(read.notes == ["source was silent"])
    #expect(read.requirements.map(\.id) == Catalog.all.map(\.id))
    #expect(read.requirements.map(\.level) == Catalog.all.map(\.level.rawValue))
    #expect(read.requirements.allSatisfy { !$0.title.isEmpty && $0.notCheckable == nil })
    let names = Dictionary(grouping: read.requirements, by: \.outcome).mapValues(\.count)
    #expect(names == ["fail": 1, "pass": 1, "not applicable": 1, "not seen": 146])
    let failed = try #require(read.requirements.first { $0.outcome == "fail" })
    #expect(failed.failures == 1)
    #expect(failed.passes == 0)
    #expect(failed.findings.map(\.subject) == ["http://a/b"])
    #expect(failed.findings.map(\.seen) == ["text/plain\u{FFFD}"])
    #expect(failed.findings.map(\.seconds) == [0.25])
    #expect(!report.json.contains("\u{7}"))
  }
}
