import CLibXML2
package import Wire

/// A W3C XML schema, loaded once, that documents can be checked against.
@safe package struct XMLSchema: ~Copyable {
  private let pointer: xmlSchemaPtr

  /// Loads a schema and what it includes by relative path.
  package init(path: String) throws(XMLError) {
    precondition(Library.isReady, "libxml2 begins before its first use")
    let errors = ErrorList()
    guard let schema = unsafe clibxml2_schema_load(path, errors.context, collectError) else {
      throw errors.errors.first ?? XMLError(line: 0, message: "no schema at \(path)")
    }
    unsafe pointer = schema
  }

  deinit { unsafe xmlSchemaFree(pointer) }

  /// Checks a document: one error for each violation, in document order; empty when it is valid.
  package func validate(_ bytes: Bytes) -> [XMLError] {
    let document: XMLDocument
    do { document = try XMLDocument(bytes) } catch { return [error] }
    let errors = ErrorList()
    let result = unsafe clibxml2_schema_validate(
      pointer,
      document.pointer,
      errors.context,
      collectError
    )
    if result != 0, errors.errors.isEmpty {
      return [XMLError(line: 0, message: "validation failed with code \(result)")]
    }
    return errors.errors
  }
}
