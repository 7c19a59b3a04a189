import FoundationEssentials
import Wire

/// Reads the members of one track, mixing up of numbers and texts forgiven, and notes what is
/// wrong with them.
struct CatalogFields {
  let members: [String: JSONValue]
  /// How problems name the track.
  let track: String
  private(set) var problems: [CatalogProblem] = []

  init(_ members: [String: JSONValue], index: Int) {
    self.members = members
    if case .string(let name)? = members["name"] {
      track = "\"\(name.prefix(60))\""
    } else {
      track = "#\(index)"
    }
  }

  mutating func report(_ field: String, _ value: JSONValue?, skipping: Bool = false) {
    problems.append(
      CatalogProblem(
        track: track,
        field: field,
        value: value?.summary ?? "missing",
        isTrackSkipped: skipping
      )
    )
  }

  /// The value under a name, or under the same in snake case, as one implementation writes it.
  func value(_ name: String) -> JSONValue? {
    for key in [name, Self.snakeCase(name), name.lowercased()] {
      if let value = members[key], value != .null { return value }
    }
    return nil
  }

  mutating func text(_ name: String) -> String? {
    switch value(name) {
    case nil: return nil
    case .string(let text)?: return text
    case .integer(let value)?: return "\(value)"
    case let other?:
      report(name, other)
      return nil
    }
  }

  /// An integer that is not negative.
  mutating func integer(_ name: String) -> Int64? {
    let found = value(name)
    let result: Int64? =
      switch found {
      case .integer(let value)?: value
      case .fraction(let value)?: Int64(exactly: value.rounded())
      case .string(let text)?: Int64(text)
      default: nil
      }
    if let result, result >= 0 { return result }
    if let found { report(name, found) }
    return nil
  }

  /// A number in thousandths, rounded to the nearest.
  mutating func thousandths(_ name: String) -> Int64? {
    let found = value(name)
    let number: Double? =
      switch found {
      case .integer(let value)?: Double(value)
      case .fraction(let value)?: value
      case .string(let text)?: Double(text)
      default: nil
      }
    if let number, number > 0, let result = Int64(exactly: (number * 1000).rounded()) {
      return result
    }
    if let found { report(name, found) }
    return nil
  }

  mutating func boolean(_ name: String) -> Bool? {
    switch value(name) {
    case nil: return nil
    case .boolean(let value)?: return value
    case .string("true")?, .integer(1)?: return true
    case .string("false")?, .integer(0)?: return false
    case let other?:
      report(name, other)
      return nil
    }
  }

  mutating func texts(_ name: String) -> [String] {
    guard let found = value(name) else { return [] }
    guard let elements = found.elements else {
      if case .string(let text) = found { return [text] }
      report(name, found)
      return []
    }
    return elements.compactMap { element in
      if case .string(let text) = element { text } else { nil }
    }
  }

  mutating func buffers() -> CatalogBuffers? {
    guard let found = value("buffers") else { return nil }
    guard case .object(let members) = found else {
      report("buffers", found)
      return nil
    }
    var inner = CatalogFields(members, index: 0)
    return CatalogBuffers(
      target: inner.integer("target"),
      min: inner.integer("min"),
      max: inner.integer("max")
    )
  }

  mutating func template() -> CatalogTemplate? {
    guard let found = value("template") else { return nil }
    func integer(_ value: JSONValue?) -> Int64? {
      if case .integer(let value)? = value { value } else { nil }
    }
    func location(_ value: JSONValue) -> Location? {
      guard let parts = value.elements, parts.count == 2, let group = integer(parts[0]),
        let object = integer(parts[1]), group >= 0, object >= 0
      else { return nil }
      return Location(group: UInt64(group), object: UInt64(object))
    }
    guard let parts = found.elements, parts.count == 6, let startMedia = integer(parts[0]),
      let deltaMedia = integer(parts[1]), let start = location(parts[2]),
      let delta = location(parts[3]), let startWall = integer(parts[4]),
      let deltaWall = integer(parts[5])
    else {
      report("template", found)
      return nil
    }
    return CatalogTemplate(
      startMediaMilliseconds: startMedia,
      deltaMediaMilliseconds: deltaMedia,
      start: start,
      delta: delta,
      startWallMilliseconds: startWall,
      deltaWallMilliseconds: deltaWall
    )
  }

  mutating func accessibility() -> [CatalogAccessibility] {
    (value("accessibility")?.elements ?? []).compactMap { element in
      guard case .string(let scheme)? = element["scheme"] ?? element["schemeId"],
        case .string(let value)? = element["value"]
      else { return nil }
      return CatalogAccessibility(scheme: scheme, value: value)
    }
  }

  /// `renderGroup` as `render_group`.
  private static func snakeCase(_ name: String) -> String {
    var result = ""
    for character in name {
      if character.isUppercase { result += "_" }
      result += character.lowercased()
    }
    return result
  }
}

/// Reads Base64 with or without its padding; nil when it is not that.
func decodeBase64(_ text: String) -> Bytes? {
  let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
  return Data(base64Encoded: text + padding).map { Bytes(Array($0)) }
}

/// Writes Base64 with padding.
func encodeBase64(_ bytes: Bytes) -> String { Data(bytes.slice).base64EncodedString() }
