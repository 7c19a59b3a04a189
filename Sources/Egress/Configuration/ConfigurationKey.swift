internal import Wire

/// Why a configuration is refused: where, which value, and what to do.
package struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// One thing that can be set: by its path in the file, its environment variable, or a flag.
package struct ConfigurationKey: Sendable {
  /// Dotted, such as `packaging.part-target`.
  package let path: String
  /// What the value counts, or its form.
  package let unit: String
  package let explanation: String
  /// Renders the value of a configuration.
  package let get: @Sendable (Configuration) -> String
  /// Parses a value into a configuration; the error says what would be valid.
  package let set: @Sendable (inout Configuration, String) throws(ConfigurationError) -> Void

  /// What all environment variables begin with.
  static let prefix = "MOQ_EGRESS_"

  /// The environment variable: `MOQ_EGRESS_` and the path in capitals.
  package var variable: String {
    ConfigurationKey.prefix + path.uppercased().map { $0 == "." || $0 == "-" ? "_" : $0 }
  }
}

extension ConfigurationKey {
  /// Every key, in the order of the file.
  package static let all: [ConfigurationKey] =
    upstreamKeys + packagingKeys + serverKeys + accessKeys + transportKeys + sessionKeys + [
      ConfigurationKey(
        path: "log-level",
        unit: "error, warning, info, debug, trace",
        explanation: "How detailed the log on standard error is.",
        get: { $0.logLevel.rawValue },
        set: { configuration, text throws(ConfigurationError) in
          guard let level = Configuration.LogLevel(rawValue: text) else {
            throw ConfigurationError("'\(text)' is none of error, warning, info, debug, trace")
          }
          configuration.logLevel = level
        }
      )
    ]

  package static func named(_ path: String) -> ConfigurationKey? { all.first { $0.path == path } }

  /// The valid path that is closest to a wrong one, by edit distance, when it is close at all.
  package static func nearest(to path: String) -> String? {
    nearest(to: path, among: all.map(\.path))
  }

  /// A question for the valid variable that is closest to a wrong one; empty when none is close.
  static func hint(variable: String) -> String {
    // What all variables begin with must not make them alike.
    let names = all.map { String($0.variable.dropFirst(prefix.count)) }
    return nearest(to: String(variable.dropFirst(prefix.count)), among: names)
      .map { "; did you mean \(prefix)\($0)?" } ?? ""
  }

  private static func nearest(to wrong: String, among names: [String]) -> String? {
    func distance(_ other: String) -> Int { editDistance(Array(wrong.utf8), Array(other.utf8)) }
    guard let best = names.min(by: { distance($0) < distance($1) }) else { return nil }
    return distance(best) <= max(2, wrong.utf8.count / 3) ? best : nil
  }
}

/// The Levenshtein distance.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
  var previous = Array(0...right.count)
  for (row, first) in left.enumerated() {
    var current = [row + 1]
    for (column, second) in right.enumerated() {
      current.append(
        min(
          previous[column + 1] + 1,
          current[column] + 1,
          previous[column] + (first == second ? 0 : 1)
        )
      )
    }
    previous = current
  }
  return previous[right.count]
}
