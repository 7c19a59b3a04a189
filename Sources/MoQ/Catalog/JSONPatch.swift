/// Changes to a JSON document.
package enum JSONPatch: Hashable, Sendable {
  /// Members that replace, join or, where they are null, remove those of the document (RFC 7396).
  case merge(JSONValue)
  /// Operations on places of the document (RFC 6902).
  case operations([Operation])

  /// One change; a place is the unescaped tokens of a JSON Pointer (RFC 6901).
  package enum Operation: Hashable, Sendable {
    case add([String], JSONValue)
    case remove([String])
    case replace([String], JSONValue)
    case move(from: [String], to: [String])
    case copy(from: [String], to: [String])
    case test([String], JSONValue)
  }

  /// What a patch may come to.
  package struct Limits: Sendable {
    /// The most operations of a patch.
    package var operations = 1024
    /// The most values of the document, as operations can copy it into itself.
    package var values = 65_536
    /// The deepest nesting of the document, as far as a text may have it.
    package var depth = 512

    /// The defaults.
    package init() {}
  }

  /// Reads the operations of RFC 6902; nil when the document is no list of such.
  init?(_ root: JSONValue, limits: Limits) throws(CatalogError) {
    guard let entries = root.elements, entries.first?["op"] != nil else { return nil }
    guard entries.count <= limits.operations else {
      throw .field("JSON Patch", value: "of \(entries.count) operations")
    }
    var operations: [Operation] = []
    for entry in entries { operations.append(try Operation(entry)) }
    self = .operations(operations)
  }

  /// The document with the changes; throws, naming the operation, when one can't be done.
  func applied(to document: JSONValue, limits: Limits) throws(CatalogError) -> JSONValue {
    switch self {
    case .merge(let changes): return document.merged(with: changes)
    case .operations(let operations):
      var result = document
      for (index, operation) in operations.enumerated() {
        guard result.apply(operation), result.isWithin(limits) else {
          throw .field("operation \(index) of a JSON Patch", value: "not possible: \(operation)")
        }
      }
      return result
    }
  }
}

extension JSONPatch.Operation {
  fileprivate init(_ entry: JSONValue) throws(CatalogError) {
    func place(_ member: String) throws(CatalogError) -> [String] {
      guard case .string(let text)? = entry[member], text.isEmpty || text.hasPrefix("/") else {
        throw .field("\(member) of a JSON Patch", value: entry[member]?.summary ?? "missing")
      }
      return text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { token in
        token.split(separator: "~1", omittingEmptySubsequences: false).joined(separator: "/")
          .split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~")
      }
    }
    // A value of null is a value.
    let value: JSONValue
    if case .object(let members) = entry {
      value = members["value"] ?? .null
    } else {
      value = .null
    }
    guard case .string(let name)? = entry["op"] else {
      throw .field("op of a JSON Patch", value: entry["op"]?.summary ?? "missing")
    }
    switch name {
    case "add": self = .add(try place("path"), value)
    case "remove": self = .remove(try place("path"))
    case "replace": self = .replace(try place("path"), value)
    case "move": self = .move(from: try place("from"), to: try place("path"))
    case "copy": self = .copy(from: try place("from"), to: try place("path"))
    case "test": self = .test(try place("path"), value)
    default: throw .field("op of a JSON Patch", value: "\"\(name.prefix(60))\"")
    }
  }
}

extension JSONValue {
  /// RFC 7396 §2.
  fileprivate func merged(with changes: JSONValue) -> JSONValue {
    guard case .object(let changes) = changes else { return changes }
    var members: [String: JSONValue] = if case .object(let members) = self { members } else { [:] }
    for (name, change) in changes {
      members[name] = change == .null ? nil : (members[name] ?? .null).merged(with: change)
    }
    return .object(members)
  }

  fileprivate func isWithin(_ limits: JSONPatch.Limits) -> Bool {
    var waiting = [(value: self, depth: 1)]
    var count = 0
    while let (value, depth) = waiting.popLast() {
      count += 1
      guard count <= limits.values, depth <= limits.depth else { return false }
      switch value {
      case .array(let elements): waiting += elements.map { ($0, depth + 1) }
      case .object(let members): waiting += members.values.map { ($0, depth + 1) }
      default: break
      }
    }
    return true
  }

  /// Whether an operation could be done; what could not has changed nothing that counts, as the whole
  /// patch fails.
  fileprivate mutating func apply(_ operation: JSONPatch.Operation) -> Bool {
    switch operation {
    case .add(let place, let value): return add(value, at: place[...])
    case .remove(let place): return remove(at: place[...]) != nil
    case .replace(let place, let value):
      guard !place.isEmpty else {
        self = value
        return true
      }
      return remove(at: place[...]) != nil && add(value, at: place[...])
    case .move(let origin, let place):
      // Not into itself.
      guard !(place.count > origin.count && place.starts(with: origin)),
        let value = remove(at: origin[...])
      else { return false }
      return add(value, at: place[...])
    case .copy(let origin, let place):
      guard let value = value(at: origin[...]) else { return false }
      return add(value, at: place[...])
    case .test(let place, let expected): return value(at: place[...]) == expected
    }
  }

  private func value(at place: ArraySlice<String>) -> JSONValue? {
    guard let token = place.first else { return self }
    switch self {
    case .object(let members): return members[token]?.value(at: place.dropFirst())
    case .array(let elements):
      guard let index = Self.index(token), index < elements.count else { return nil }
      return elements[index].value(at: place.dropFirst())
    default: return nil
    }
  }

  private mutating func add(_ value: JSONValue, at place: ArraySlice<String>) -> Bool {
    guard let token = place.first else {
      self = value
      return true
    }
    let rest = place.dropFirst()
    switch self {
    case .object(var members):
      if rest.isEmpty {
        members[token] = value
      } else {
        guard members[token]?.add(value, at: rest) == true else { return false }
      }
      self = .object(members)
    case .array(var elements):
      if rest.isEmpty {
        guard let index = token == "-" ? elements.count : Self.index(token),
          index <= elements.count
        else { return false }
        elements.insert(value, at: index)
      } else {
        guard let index = Self.index(token), index < elements.count,
          elements[index].add(value, at: rest)
        else { return false }
      }
      self = .array(elements)
    default: return false
    }
    return true
  }

  private mutating func remove(at place: ArraySlice<String>) -> JSONValue? {
    guard let token = place.first else { return nil }
    let rest = place.dropFirst()
    var removed: JSONValue?
    switch self {
    case .object(var members):
      removed = rest.isEmpty ? members.removeValue(forKey: token) : members[token]?.remove(at: rest)
      self = .object(members)
    case .array(var elements):
      guard let index = Self.index(token), index < elements.count else { return nil }
      removed = rest.isEmpty ? elements.remove(at: index) : elements[index].remove(at: rest)
      self = .array(elements)
    default: break
    }
    return removed
  }

  /// An index of an array: digits without a leading zero.
  private static func index(_ token: String) -> Int? {
    guard token == "0" || !token.hasPrefix("0"), token.utf8.allSatisfy({ (48...57).contains($0) })
    else { return nil }
    return Int(token)
  }
}
