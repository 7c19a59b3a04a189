import CLibXML2
package import Wire

/// Writes one XML document into memory with libxml2, which does the escaping.
///
/// Calls nest as the document does: ``start(_:)``, then attributes, then children or text, then
/// ``end()``. Using them out of order is our fault and traps.
@safe package struct XMLWriter: ~Copyable {
  private let buffer: xmlBufferPtr
  private let writer: xmlTextWriterPtr
  private var depth = 0

  /// Begins a document in UTF-8, with its declaration.
  ///
  /// `indentation` is the number of spaces per level; 0 writes everything on one line.
  package init(indentation: Int = 0) {
    precondition(Library.isReady, "libxml2 begins before its first use")
    guard let buffer = unsafe xmlBufferCreate(),
      let writer = unsafe xmlNewTextWriterMemory(buffer, 0)
    else { preconditionFailure("libxml2 could not allocate a writer") }
    unsafe self.buffer = unsafe buffer
    unsafe self.writer = unsafe writer
    if indentation > 0 {
      _ = unsafe xmlTextWriterSetIndent(writer, 1)
      _ = unsafe xmlTextWriterSetIndentString(writer, String(repeating: " ", count: indentation))
    }
    let result = unsafe xmlTextWriterStartDocument(writer, nil, "UTF-8", nil)
    precondition(result >= 0, "a new writer accepts a declaration")
  }

  deinit {
    unsafe xmlFreeTextWriter(writer)
    unsafe xmlBufferFree(buffer)
  }

  /// Opens an element inside the one that is open.
  package mutating func start(_ name: String) {
    let result = unsafe xmlTextWriterStartElement(writer, name)
    precondition(result >= 0, "an element starts inside the root or as the root")
    depth += 1
  }

  /// Adds an attribute to the element just started, before any text or child.
  package mutating func attribute(_ name: String, _ value: String) {
    let result = unsafe xmlTextWriterWriteAttribute(writer, name, XMLWriter.characters(value))
    precondition(result >= 0, "attributes follow the start of their element")
  }

  /// Adds character data to the open element.
  package mutating func text(_ text: String) {
    let result = unsafe xmlTextWriterWriteString(writer, XMLWriter.characters(text))
    precondition(result >= 0, "text is inside an element")
  }

  /// Closes the element opened last.
  package mutating func end() {
    precondition(depth > 0, "every end has its start")
    depth -= 1
    _ = unsafe xmlTextWriterEndElement(writer)
  }

  /// Writes an element whose content is what `body` writes.
  package mutating func element(
    _ name: String,
    _ attributes: [(String, String)] = [],
    _ body: (inout XMLWriter) -> Void = { _ in }
  ) {
    start(name)
    for (name, value) in attributes { attribute(name, value) }
    body(&self)
    end()
  }

  /// The finished document, closing what is still open.
  package consuming func finish() -> Bytes {
    _ = unsafe xmlTextWriterEndDocument(writer)
    _ = unsafe xmlTextWriterFlush(writer)
    let count = Int(unsafe xmlBufferLength(buffer))
    // The content belongs to the buffer, which lives until this value's end.
    guard let content = unsafe xmlBufferContent(buffer) else { return Bytes() }
    return unsafe Bytes(Array(UnsafeBufferPointer(start: content, count: count)))
  }

  /// The text without what XML 1.0 §2.2 can't carry, even escaped: names come from peers.
  private static func characters(_ text: String) -> String {
    func isCharacter(_ scalar: Unicode.Scalar) -> Bool {
      switch scalar.value {
      case 0x9, 0xA, 0xD, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
      default: false
      }
    }
    guard !text.unicodeScalars.allSatisfy(isCharacter) else { return text }
    var filtered = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      filtered.append(isCharacter(scalar) ? scalar : "\u{FFFD}")
    }
    return String(filtered)
  }
}
