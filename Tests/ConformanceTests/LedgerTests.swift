import Testing
import Wire

@testable import Conformance

@Suite struct LedgerTests {
  @Test func `a failure wins over passes, a pass over not applicable`() {
    var ledger = Ledger()
    ledger.record("HLS-001", .notApplicable, "a", "n")
    #expect(ledger.verdict("HLS-001").outcome == .notApplicable)
    ledger.record("HLS-001", .pass, "b", "p")
    ledger.record("HLS-001", .notApplicable, "c", "n")
    #expect(ledger.verdict("HLS-001").findings == [Finding(subject: "b", seen: "p", time: .zero)])
    ledger.time = .seconds(2)
    ledger.record("HLS-001", .fail, "d", "f")
    ledger.record("HLS-001", .pass, "e", "p")
    let verdict = ledger.verdict("HLS-001")
    #expect(verdict.outcome == .fail)
    #expect(verdict.passes == 2)
    #expect(verdict.failures == 1)
    #expect(verdict.findings == [Finding(subject: "d", seen: "f", time: .seconds(2))])
    #expect(ledger.failed == ["HLS-001"])
    #expect(ledger.violatesMust)
  }

  @Test func `a failed SHOULD does not fail the check`() {
    var ledger = Ledger()
    ledger.record("HLS-027", .fail, "a", "b")
    #expect(ledger.failed == ["HLS-027"])
    #expect(!ledger.violatesMust)
  }

  @Test func `findings are few, short and printable`() {
    var ledger = Ledger()
    for _ in 0..<100 {
      ledger.record("HTTP-001", .fail, String(repeating: "é", count: 4000), "\u{1B}[2J")
    }
    let verdict = ledger.verdict("HTTP-001")
    #expect(verdict.failures == 100)
    #expect(verdict.findings.count == Ledger.findingsPerRequirement)
    #expect(verdict.findings[0].subject.count == Ledger.charactersPerText + 1)
    #expect(verdict.findings[0].seen == "\u{FFFD}[2J")
  }

  @Test func `the catalog's numbers are unique and in families`() {
    #expect(Set(Catalog.all.map(\.id)).count == Catalog.all.count)
    #expect(Set(Catalog.all.map(\.family)) == ["HLS", "CMAF", "DASH", "HTTP"])
    #expect(Catalog.outOfSight.keys.allSatisfy { Catalog.requirement($0) != nil })
  }
}
