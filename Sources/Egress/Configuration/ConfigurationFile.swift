internal import MoQ
internal import Wire
internal import Yams

/// The layers of a configuration: defaults, file, environment, flags; later ones win.
package enum ConfigurationFile {
  /// Longest file that is read.
  package static let byteLimit = 1 << 20

  /// Applies the keys of a YAML text.
  ///
  /// - Parameters:
  ///   - text: the file's content.
  ///   - name: what errors call the file.
  ///   - configuration: what is changed.
  /// - Throws: what is wrong, with the file's name and line.
  package static func apply(
    _ text: String,
    name: String,
    to configuration: inout Configuration
  ) throws(ConfigurationError) {
    let node: Node?
    do {
      node = try compose(yaml: text)
    } catch {
      throw ConfigurationError("\(name): not YAML: \(error)")
    }
    guard let node, node.null == nil else { return }
    try apply(node, path: "", name: name, to: &configuration)
    try applySources(node, name: name, to: &configuration)
  }

  /// Reads the list of sources; each begins as the file's `upstream` section.
  private static func applySources(
    _ node: Node,
    name: String,
    to configuration: inout Configuration
  ) throws(ConfigurationError) {
    guard let list = node.mapping?["sources"], list.null == nil else { return }
    let line = list.mark.map { ":\($0.line)" } ?? ""
    guard let sequence = list.sequence else {
      throw ConfigurationError("\(name)\(line): sources is a list of mappings")
    }
    configuration.sources = []
    for source in sequence {
      let line = source.mark.map { ":\($0.line)" } ?? ""
      guard source.mapping != nil else {
        throw ConfigurationError("\(name)\(line): a source is a mapping of the keys of upstream")
      }
      var scratch = configuration
      try apply(source, path: "upstream", name: name, to: &scratch)
      configuration.sources.append(scratch.upstream)
    }
  }

  /// Applies variables named `MOQ_EGRESS_…`.
  ///
  /// Unknown ones are not refused: Kubernetes gives every container `MOQ_EGRESS_SERVICE_HOST` and the
  /// like once a service has the name `moq-egress`.
  ///
  /// - Returns: a warning for each unknown variable.
  package static func apply(
    environment: [String: String],
    to configuration: inout Configuration
  ) throws(ConfigurationError) -> [String] {
    var warnings: [String] = []
    for (variable, value) in environment.sorted(by: { $0.key < $1.key })
    where variable.hasPrefix(ConfigurationKey.prefix) {
      guard let key = ConfigurationKey.all.first(where: { $0.variable == variable }) else {
        warnings.append(
          "environment: \(variable) is ignored: no key is called so\(ConfigurationKey.hint(variable: variable))"
        )
        continue
      }
      try set(key, value, where: "environment: \(variable)", in: &configuration)
      try expectNoSources(key.path, where: "environment: \(variable)", configuration)
    }
    return warnings
  }

  /// Applies values given by flags, by path.
  package static func apply(
    flags: [(path: String, value: String)],
    to configuration: inout Configuration
  ) throws(ConfigurationError) {
    for (path, value) in flags {
      guard let key = ConfigurationKey.named(path) else {
        throw ConfigurationError("no key is called \(path)")
      }
      try set(key, value, where: path, in: &configuration)
      try expectNoSources(path, where: path, configuration)
    }
  }

  /// What would be set without any effect is refused.
  private static func expectNoSources(
    _ path: String,
    where place: String,
    _ configuration: Configuration
  ) throws(ConfigurationError) {
    guard path.hasPrefix("upstream."), !configuration.sources.isEmpty else { return }
    throw ConfigurationError("\(place): the file lists sources, and only they count")
  }

  /// Checks what no single key can: that URLs and namespaces make sense.
  package static func validate(_ configuration: Configuration) throws(ConfigurationError) {
    var names: Set<String> = []
    for (index, source) in configuration.effectiveSources.enumerated() {
      do throws(ConfigurationError) {
        try source.validate()
        guard names.insert(try source.trackNamespace().description).inserted else {
          throw ConfigurationError("namespace '\(source.namespace)' is followed twice")
        }
      } catch {
        guard !configuration.sources.isEmpty else { throw error }
        throw ConfigurationError("sources[\(index)]: \(error.description)")
      }
    }
  }

  /// The configuration as a commented file that reads back to itself.
  package static func render(_ configuration: Configuration) -> String {
    var text = comment(
      """
      Configuration of moq-egress: every key, its meaning, its unit, its value. What is left out has \
      its default. A variable such as MOQ_EGRESS_SERVER_LISTEN wins over this file, and a flag over both.
      """
    )
    var section = ""
    for key in ConfigurationKey.all {
      let fields = key.path.split(separator: ".")
      let isNested = fields.count == 2
      if isNested, section != fields[0] {
        section = String(fields[0])
        text += "\n" + (sections[section].map { comment($0) } ?? "") + "\(section):\n"
      } else if !isNested {
        text += "\n"
      }
      let indentation = isNested ? "  " : ""
      text += comment("\(key.explanation) [\(key.unit)]", indentation: indentation)
      text += "\(indentation)\(fields[fields.count - 1]): \(quoted(key.get(configuration)))\n"
    }
    if !configuration.sources.isEmpty { text += render(configuration.sources) }
    return text
  }

  /// What differs from the `upstream` section, source by source.
  private static func render(_ sources: [Configuration.Upstream]) -> String {
    let keys = ConfigurationKey.all.filter { $0.path.hasPrefix("upstream.") }
    var text = "\n" + comment("What is followed; each has the keys of upstream.") + "sources:\n"
    for source in sources {
      var configuration = Configuration()
      configuration.upstream = source
      var lead = "  - "
      for key in keys {
        text += "\(lead)\(key.path.dropFirst(9)): \(quoted(key.get(configuration)))\n"
        lead = "    "
      }
    }
    return text
  }

  /// What the sections are about.
  private static let sections = [
    "upstream":
      "Where the broadcast comes from. For several, a list `sources:` beside this section has "
      + "mappings of the same keys; what a source leaves out is taken from here.",
    "packaging": "How media is cut and how much is kept. Bridges that stand in for each other need "
      + "the same values here.",
    "server": "The HTTP server and what one client may cost.",
    "access": "Who may ask for what, and what is written down about it.",
    "quic": "The connection to the relay.",
    "moq": "What the relay may make us hold.",
  ]

  /// A comment in lines of at most 100 columns.
  private static func comment(_ text: String, indentation: String = "") -> String {
    var lines: [String] = []
    var line = indentation + "#"
    for word in text.split(separator: " ") {
      if line.count + 1 + word.count > 100 {
        lines.append(line)
        line = indentation + "#"
      }
      line += " " + word
    }
    return (lines + [line]).joined(separator: "\n") + "\n"
  }

  private static func quoted(_ value: String) -> String {
    guard Double(value) == nil, Bool(value) == nil else { return value }
    let escaped = value.unicodeScalars.map { scalar in
      switch scalar {
      case "\"", "\\": "\\\(scalar)"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        "\\x\(hex([UInt8(truncatingIfNeeded: scalar.value)]))"
      default: String(scalar)
      }
    }
    return "\"" + escaped.joined() + "\""
  }

  private static func apply(
    _ node: Node,
    path: String,
    name: String,
    to configuration: inout Configuration
  ) throws(ConfigurationError) {
    let line = node.mark.map { ":\($0.line)" } ?? ""
    if let mapping = node.mapping {
      for (keyNode, value) in mapping {
        let field = keyNode.string ?? ""
        if path.isEmpty, field == "sources" { continue }
        let inner = path.isEmpty ? field : path + "." + field
        let line = keyNode.mark.map { ":\($0.line)" } ?? ""
        let isSection = ConfigurationKey.all.contains { $0.path.hasPrefix(inner + ".") }
        guard isSection || ConfigurationKey.named(inner) != nil else {
          let hint = ConfigurationKey.nearest(to: inner).map { "; did you mean \($0)?" } ?? ""
          throw ConfigurationError("\(name)\(line): unknown key \(inner)\(hint)")
        }
        if isSection, value.mapping == nil, value.null == nil {
          throw ConfigurationError("\(name)\(line): \(inner) is a section, not a value")
        }
        if value.null == nil { try apply(value, path: inner, name: name, to: &configuration) }
      }
      return
    }
    guard let key = ConfigurationKey.named(path), let value = node.scalar?.string else {
      let wanted =
        path.isEmpty ? "the file must be a mapping of keys" : "\(path) must be a single value"
      throw ConfigurationError("\(name)\(line): \(wanted)")
    }
    try set(key, value, where: "\(name)\(line): \(path)", in: &configuration)
  }

  private static func set(
    _ key: ConfigurationKey,
    _ value: String,
    where place: String,
    in configuration: inout Configuration
  ) throws(ConfigurationError) {
    do throws(ConfigurationError) {
      try key.set(&configuration, value)
    } catch {
      throw ConfigurationError("\(place): \(error.description)")
    }
  }
}
