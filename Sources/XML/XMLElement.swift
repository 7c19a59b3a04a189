import CLibXML2
package import Wire

/// One attribute of an element.
package struct XMLAttribute: Hashable, Sendable {
  package let name: String
  /// The namespace's name; empty when there is none.
  package let namespace: String
  package var value: String

  package init(name: String, namespace: String = "", value: String) {
    self.name = name
    self.namespace = namespace
    self.value = value
  }
}

/// An element with all that is inside, as a value.
///
/// Comments and processing instructions are left out.
package struct XMLElement: Hashable, Sendable {
  /// What a document may hold at most; peers choose its contents.
  package struct Limits: Sendable {
    package var bytes = 16 << 20
    package var elements = 200_000
    package var depth = 64
    package var attributes = 64

    package init() {}
  }

  /// Without a prefix.
  package let name: String
  /// The namespace's name; empty when there is none.
  package let namespace: String
  /// In the order of the document.
  package var attributes: [XMLAttribute]
  /// In the order of the document.
  package var children: [XMLElement]
  /// The character data directly inside, joined.
  package var text: String
  /// The line where it starts, from 1; 0 when unknown.
  package let line: Int

  package init(
    name: String,
    namespace: String = "",
    attributes: [XMLAttribute] = [],
    children: [XMLElement] = [],
    text: String = "",
    line: Int = 0
  ) {
    self.name = name
    self.namespace = namespace
    self.attributes = attributes
    self.children = children
    self.text = text
    self.line = line
  }

  /// Reads a document's root.
  ///
  /// A document type, with which entities come, is refused like anything past a limit.
  package init(
    document bytes: Bytes,
    limits: Limits = Limits()
  ) throws(XMLError) {
    guard bytes.count <= limits.bytes else {
      throw XMLError(line: 0, message: "\(bytes.count) bytes, more than \(limits.bytes)")
    }
    // A document type could hide in encodings of two and four bytes, which no MPD needs.
    guard !bytes.slice.contains(0) else {
      throw XMLError(line: 0, message: "a zero byte: the document is not UTF-8")
    }
    guard !XMLElement.declaresType(bytes) else {
      throw XMLError(line: 0, message: "a document type is declared")
    }
    let document = try XMLDocument(bytes)
    self = try document.root(limits)
  }

  /// The value of an attribute without a namespace; nil when it is absent.
  package subscript(attribute: String) -> String? {
    attributes.first { $0.name == attribute && $0.namespace.isEmpty }?.value
  }

  /// The children of a name, in any namespace, in order.
  package func children(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }

  /// The first child of a name, in any namespace; nil when there is none.
  package func child(_ name: String) -> XMLElement? { children.first { $0.name == name } }

  /// Whether the text "<!DOCTYPE" is there, which in well-formed documents of this size may otherwise
  /// only stand in comments.
  private static func declaresType(_ bytes: Bytes) -> Bool {
    let mark = Array("<!DOCTYPE".utf8)
    let slice = bytes.slice
    var start = slice.startIndex
    while let found = slice[start...].firstIndex(of: mark[0]) {
      if slice[found...].starts(with: mark) { return true }
      start = found + 1
    }
    return false
  }
}

extension XMLDocument {
  /// The document's root with all that is inside.
  package func root(_ limits: XMLElement.Limits = .init()) throws(XMLError) -> XMLElement {
    guard unsafe xmlGetIntSubset(pointer) == nil else {
      throw XMLError(line: 0, message: "a document type is declared")
    }
    guard let root = unsafe xmlDocGetRootElement(pointer) else {
      throw XMLError(line: 0, message: "the document is empty")
    }
    var count = 0
    return try unsafe element(root, depth: 1, count: &count, limits)
  }

  /// Copies a node; `count` is how many elements there were before it.
  private func element(
    _ node: xmlNodePtr,
    depth: Int,
    count: inout Int,
    _ limits: XMLElement.Limits
  ) throws(XMLError) -> XMLElement {
    let line = Int(unsafe xmlGetLineNo(node))
    count += 1
    guard count <= limits.elements else {
      throw XMLError(line: line, message: "more than \(limits.elements) elements")
    }
    guard depth <= limits.depth else {
      throw XMLError(line: line, message: "elements nested deeper than \(limits.depth)")
    }
    var children: [XMLElement] = []
    var text = ""
    var next = unsafe node.pointee.children
    while let child = unsafe next {
      switch unsafe child.pointee.type {
      case XML_ELEMENT_NODE:
        children.append(try unsafe element(child, depth: depth + 1, count: &count, limits))
      case XML_TEXT_NODE, XML_CDATA_SECTION_NODE:
        if let content = unsafe child.pointee.content { text += unsafe String(cString: content) }
      default: break
      }
      unsafe next = unsafe child.pointee.next
    }
    return XMLElement(
      name: unsafe XMLDocument.text(node.pointee.name),
      namespace: unsafe XMLDocument.name(of: node.pointee.ns),
      attributes: try unsafe attributes(of: node, line: line, limits),
      children: children,
      text: text,
      line: line
    )
  }

  private func attributes(
    of node: xmlNodePtr,
    line: Int,
    _ limits: XMLElement.Limits
  ) throws(XMLError) -> [XMLAttribute] {
    var attributes: [XMLAttribute] = []
    var next = unsafe node.pointee.properties
    while let attribute = unsafe next {
      guard attributes.count < limits.attributes else {
        throw XMLError(line: line, message: "more than \(limits.attributes) attributes")
      }
      let value = unsafe xmlNodeListGetString(pointer, attribute.pointee.children, 1)
      defer { if let value = unsafe value { unsafe clibxml2_free(value) } }
      attributes.append(
        XMLAttribute(
          name: unsafe XMLDocument.text(attribute.pointee.name),
          namespace: unsafe XMLDocument.name(of: attribute.pointee.ns),
          value: unsafe XMLDocument.text(value)
        )
      )
      unsafe next = unsafe attribute.pointee.next
    }
    return attributes
  }

  private static func text(_ pointer: UnsafePointer<xmlChar>?) -> String {
    unsafe pointer.map { unsafe String(cString: $0) } ?? ""
  }

  private static func name(of namespace: xmlNsPtr?) -> String {
    guard let namespace = unsafe namespace else { return "" }
    return unsafe text(namespace.pointee.href)
  }
}
