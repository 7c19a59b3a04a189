internal import Wire
internal import XML

/// A patch that turns one MPD into a later one.
///
/// ISO/IEC 23009-1 §5.15, RFC 5261.
struct ManifestPatch: Sendable {
  /// Why a patch can't be read or applied.
  struct Fault: Error, Sendable, Hashable, CustomStringConvertible {
    let description: String
  }

  /// Operations taken from one patch; a peer that sends more is refused.
  static let maximumOperations = 10_000

  let mpdID: String?
  let publishTime: UTCTime?
  let originalPublishTime: UTCTime?
  private let operations: [XMLElement]

  /// Reads a patch document's root.
  init(_ root: XMLElement) throws(Fault) {
    guard root.name == "Patch", root.namespace == "urn:mpeg:dash:schema:mpd-patch:2020" else {
      throw Fault(description: "the root is \(root.name), not a Patch")
    }
    guard root.children.count <= Self.maximumOperations else {
      throw Fault(description: "\(root.children.count) operations")
    }
    mpdID = root["mpdId"]
    publishTime = root["publishTime"].flatMap { DateTimeText.read($0) }
    originalPublishTime = root["originalPublishTime"].flatMap { DateTimeText.read($0) }
    operations = root.children
  }

  /// The MPD that comes of applying every operation in order.
  func applied(to root: XMLElement) throws(Fault) -> XMLElement {
    var document = XMLElement(name: "", children: [root])
    for operation in operations { try apply(operation, to: &document) }
    guard document.children.count == 1 else { throw Fault(description: "the root is gone") }
    return document.children[0]
  }

  private func apply(_ operation: XMLElement, to document: inout XMLElement) throws(Fault) {
    let selector = try Selector(operation["sel"] ?? "")
    guard let path = selector.path(in: document), let last = path.last else {
      throw Fault(description: "sel \(operation["sel"] ?? "absent") selects nothing")
    }
    let content = operation.children.map {
      $0.inside(namespace: document.children.first?.namespace)
    }
    if let attribute = selector.attribute {
      try document.edit(path[...]) { element throws(Fault) in
        try Self.change(attribute, of: &element, operation)
      }
      return
    }
    switch operation.name {
    case "add":
      if let type = operation["type"] {
        guard type.hasPrefix("@") else { throw Fault(description: "add of type \(type)") }
        try document.edit(path[...]) { element in
          element.set(String(type.dropFirst()), operation.content)
        }
        return
      }
      switch operation["pos"] {
      case "before", "after":
        let index = operation["pos"] == "before" ? last : last + 1
        try document.edit(path.dropLast()) { $0.children.insert(contentsOf: content, at: index) }
      case "prepend":
        try document.edit(path[...]) { $0.children.insert(contentsOf: content, at: 0) }
      default: try document.edit(path[...]) { $0.children += content }
      }
    case "replace":
      guard content.count == 1 else { throw Fault(description: "replace with \(content.count)") }
      try document.edit(path.dropLast()) { $0.children[last] = content[0] }
    case "remove": try document.edit(path.dropLast()) { _ = $0.children.remove(at: last) }
    default: throw Fault(description: "operation \(operation.name)")
    }
  }

  private static func change(
    _ attribute: String,
    of element: inout XMLElement,
    _ operation: XMLElement
  ) throws(Fault) {
    guard element[attribute] != nil else {
      throw Fault(description: "there is no attribute \(attribute)")
    }
    switch operation.name {
    case "replace": element.set(attribute, operation.content)
    case "remove": element.attributes.removeAll { $0.name == attribute && $0.namespace.isEmpty }
    default: throw Fault(description: "\(operation.name) of an attribute")
    }
  }

  /// The part of XPath that RFC 5261 needs of MPDs: absolute steps with a position or an attribute's
  /// value, and an attribute at the end.
  private struct Selector {
    private struct Step {
      let name: String
      var position: Int?
      var condition: (attribute: String, value: String)?
    }

    private var steps: [Step] = []
    private(set) var attribute: String?

    init(_ text: String) throws(Fault) {
      let fault = Fault(description: "sel \(text) is not understood")
      guard text.hasPrefix("/"), text.utf8.count < 1024 else { throw fault }
      // A slash inside a quoted value divides nothing.
      var quote: Character?
      var parts = [""]
      for character in text.dropFirst() {
        if character == quote {
          quote = nil
        } else if quote == nil, "'\"".contains(character) {
          quote = character
        }
        if character == "/", quote == nil {
          parts.append("")
        } else {
          parts[parts.count - 1].append(character)
        }
      }
      for (index, part) in parts.enumerated() {
        if part.hasPrefix("@"), index == parts.count - 1, index > 0 {
          attribute = String(part.dropFirst())
          continue
        }
        let name = part.prefix { $0 != "[" }
        var step = Step(name: String(name.split(separator: ":").last ?? ""))
        guard !step.name.isEmpty else { throw fault }
        var rest = part.dropFirst(name.count)
        while !rest.isEmpty {
          guard rest.first == "[", let close = rest.firstIndex(of: "]") else { throw fault }
          let inside = rest[rest.index(after: rest.startIndex)..<close]
          rest = rest[rest.index(after: close)...]
          if let position = Int(inside), position > 0 {
            step.position = position
          } else if inside.first == "@", let equals = inside.firstIndex(of: "=") {
            let value = inside[inside.index(after: equals)...]
            guard value.count >= 2, value.first == value.last else { throw fault }
            step.condition = (
              String(inside[inside.index(after: inside.startIndex)..<equals]),
              String(value.dropFirst().dropLast())
            )
          } else {
            throw fault
          }
        }
        steps.append(step)
      }
    }

    /// The place of each step among its parent's children; nil when one selects nothing.
    func path(in document: XMLElement) -> [Int]? {
      var path: [Int] = []
      var element = document
      for step in steps {
        let matches = element.children.indices.filter { index in
          let child = element.children[index]
          return child.name == step.name
            && step.condition.map { child[$0.attribute] == $0.value } ?? true
        }
        let position = step.position ?? 1
        guard position <= matches.count else { return nil }
        path.append(matches[position - 1])
        element = element.children[matches[position - 1]]
      }
      return path
    }
  }
}

extension XMLElement {
  /// Changes the element at a path of places; each must exist.
  fileprivate mutating func edit(
    _ path: ArraySlice<Int>,
    _ body: (inout XMLElement) throws(ManifestPatch.Fault) -> Void
  ) throws(ManifestPatch.Fault) {
    guard let first = path.first else {
      try body(&self)
      return
    }
    try children[first].edit(path.dropFirst(), body)
  }

  /// Sets an attribute that has no namespace.
  fileprivate mutating func set(_ name: String, _ value: String) {
    if let index = attributes.firstIndex(where: { $0.name == name && $0.namespace.isEmpty }) {
      attributes[index].value = value
    } else {
      attributes.append(XMLAttribute(name: name, value: value))
    }
  }

  /// This element and all inside as members of another namespace: a patch may write an MPD's elements
  /// in its own default namespace.
  fileprivate func inside(namespace other: String?) -> XMLElement {
    guard namespace == "urn:mpeg:dash:schema:mpd-patch:2020" || namespace.isEmpty else {
      return self
    }
    return XMLElement(
      name: name,
      namespace: other ?? namespace,
      attributes: attributes,
      children: children.map { $0.inside(namespace: other) },
      text: text,
      line: line
    )
  }
}

extension DASHRules {
  /// DASH-026: a patch fits the MPD it is for and yields the MPD fetched beside it.
  ///
  /// `current` may be nil when no MPD of the patch's publishTime was fetched; then only the patch itself
  /// is judged.
  static func judge(
    patch response: Response,
    for base: ManifestObservation,
    current: ManifestObservation?,
    subject: String,
    _ ledger: inout Ledger
  ) {
    var faults: [String] = []
    if response.mediaType != "application/dash-patch+xml" {
      faults.append("Content-Type \(response.header("Content-Type") ?? "absent")")
    }
    do {
      let patch = try ManifestPatch(XMLElement(document: response.body))
      if patch.mpdID == nil || patch.mpdID != base.manifest.id {
        faults.append(
          "mpdId \(patch.mpdID ?? "absent"), the MPD is \(base.manifest.id ?? "without id")"
        )
      }
      if patch.originalPublishTime == nil || patch.originalPublishTime != base.manifest.publishTime
      {
        faults.append("originalPublishTime is not the MPD's publishTime")
      }
      if !(base.manifest.publishTime ?? .init(microseconds: .min) < patch.publishTime
        ?? .init(microseconds: .min))
      {
        faults.append("publishTime is not newer")
      }
      let (patched, unread) = try ManifestReader.read(patch.applied(to: base.root))
      faults += unread
      if let current, current.manifest.publishTime == patch.publishTime,
        patched.periods != current.manifest.periods
      {
        faults.append("applied to its MPD it is not the current one")
      }
    } catch {
      faults.append("\(error)")
    }
    ledger.expect(
      "DASH-026",
      faults.isEmpty,
      subject,
      faults.isEmpty ? "yields the current MPD" : faults.joined(separator: "; ")
    )
  }
}
