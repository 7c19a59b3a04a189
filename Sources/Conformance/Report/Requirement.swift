/// How much a requirement counts.
package enum Level: String, Sendable, Hashable, Codable {
  /// A violation makes the whole check fail.
  case must = "MUST"
  /// A violation is told and changes nothing else.
  case should = "SHOULD"
}

/// One numbered demand on an origin of live HLS and DASH.
package struct Requirement: Sendable, Hashable {
  /// The stable number that reports and tests cite, such as "HLS-040".
  package let id: String
  package let level: Level
  /// What is demanded, in one line.
  package let title: String

  /// The family of a number: "HLS", "CMAF", "DASH" or "HTTP".
  package var family: String { String(id.prefix { $0 != "-" }) }
}

/// Every requirement there is, by number.
package enum Catalog {
  /// All requirements in the order of reports.
  package static let all: [Requirement] = hls + cmaf + dash + http

  /// The requirement of a number; nil when there is none.
  package static func requirement(_ id: String) -> Requirement? { byID[id] }

  /// Why a requirement can't be judged by a client that looks at a server from outside; the
  /// numbers that are missing here can.
  package static let outOfSight: [String: String] =
    outOfSightHLS
    .merging(outOfSightMedia) { first, _ in first }
    .merging(outOfSightHTTP) { first, _ in first }

  private static let byID = Dictionary(
    all.map { ($0.id, $0) },
    uniquingKeysWith: { first, _ in first }
  )
}

/// A demand whose violation fails the check.
func must(_ id: String, _ title: String) -> Requirement {
  Requirement(id: id, level: .must, title: title)
}

/// A demand whose violation is only told.
func should(_ id: String, _ title: String) -> Requirement {
  Requirement(id: id, level: .should, title: title)
}
