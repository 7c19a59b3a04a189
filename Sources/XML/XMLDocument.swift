import CLibXML2
package import Wire

/// One complaint about a document or schema.
package struct XMLError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The line of the document, from 1; 0 when there is none.
  package let line: Int
  package let message: String

  package init(line: Int, message: String) {
    self.line = line
    self.message = message
  }

  package var description: String { "line \(line): \(message)" }
}

/// A parsed XML document that can be asked XPath questions.
@safe package struct XMLDocument: ~Copyable {
  let pointer: xmlDocPtr

  /// Parses a document; nothing is loaded from the network and no external entity is expanded.
  package init(_ bytes: Bytes) throws(XMLError) {
    precondition(Library.isReady, "libxml2 begins before its first use")
    let errors = ErrorList()
    let document = unsafe bytes.slice.withUnsafeBytes { buffer in
      unsafe clibxml2_parse(
        buffer.baseAddress?.assumingMemoryBound(to: CChar.self),
        CInt(clamping: buffer.count),
        errors.context,
        collectError
      )
    }
    guard let document = unsafe document else {
      throw errors.errors.first ?? XMLError(line: 0, message: "the document is empty")
    }
    unsafe pointer = document
  }

  deinit { unsafe xmlFreeDoc(pointer) }

  /// The string value of an XPath expression; nil when the expression or a prefix is not valid.
  ///
  /// `namespaces` maps each prefix that the expression uses to its namespace name.
  package func string(_ expression: String, namespaces: [String: String] = [:]) -> String? {
    unsafe evaluate(expression, namespaces) { result in
      guard let text = unsafe xmlXPathCastToString(result) else { return nil }
      defer { unsafe clibxml2_free(text) }
      return unsafe String(cString: text)
    }
  }

  /// The number of nodes an XPath expression selects; nil when it selects no node set.
  package func count(_ expression: String, namespaces: [String: String] = [:]) -> Int? {
    unsafe evaluate(expression, namespaces) { result in
      guard unsafe result.pointee.type == XPATH_NODESET else { return nil }
      guard let nodes = unsafe result.pointee.nodesetval else { return 0 }
      return Int(unsafe nodes.pointee.nodeNr)
    }
  }

  /// The string value of each node an expression selects, in document order.
  package func strings(_ expression: String, namespaces: [String: String] = [:]) -> [String]? {
    unsafe evaluate(expression, namespaces) { result in
      guard unsafe result.pointee.type == XPATH_NODESET else { return nil }
      guard let nodes = unsafe result.pointee.nodesetval else { return [] }
      unsafe xmlXPathNodeSetSort(nodes)
      var values: [String] = []
      for index in 0..<Int(unsafe nodes.pointee.nodeNr) {
        // nodeTab has nodeNr entries and belongs to the result, which outlives this closure.
        guard let text = unsafe xmlXPathCastNodeToString(nodes.pointee.nodeTab[index]) else {
          continue
        }
        values.append(unsafe String(cString: text))
        unsafe clibxml2_free(text)
      }
      return values
    }
  }

  private func evaluate<Value>(
    _ expression: String,
    _ namespaces: [String: String],
    _ read: (xmlXPathObjectPtr) -> Value?
  ) -> Value? {
    guard let context = unsafe xmlXPathNewContext(pointer) else { return nil }
    defer { unsafe xmlXPathFreeContext(context) }
    for (prefix, name) in namespaces {
      guard unsafe xmlXPathRegisterNs(context, prefix, name) == 0 else { return nil }
    }
    guard let result = unsafe xmlXPathEvalExpression(expression, context) else { return nil }
    defer { unsafe xmlXPathFreeObject(result) }
    return unsafe read(result)
  }
}

/// Collects what a C function reports while it runs.
final class ErrorList {
  var errors: [XMLError] = []

  /// This object as C sees it; valid while the caller holds the object.
  var context: UnsafeMutableRawPointer { unsafe Unmanaged.passUnretained(self).toOpaque() }
}

/// Copies one report; both pointers die on return.
func collectError(
  _ context: UnsafeMutableRawPointer?,
  _ line: CInt,
  _ message: UnsafePointer<CChar>?
) {
  guard let context = unsafe context, let message = unsafe message else { return }
  let list = unsafe Unmanaged<ErrorList>.fromOpaque(context).takeUnretainedValue()
  var text = unsafe String(cString: message)
  while text.last?.isNewline == true { text.removeLast() }
  list.errors.append(XMLError(line: Int(line), message: text))
}
