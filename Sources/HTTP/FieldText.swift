package import Wire

extension Bytes {
  /// The value of a field as text in which every byte is one character, ISO-8859-1; RFC 9110 §5.5.
  ///
  /// In UTF-8 a client could end its own part of a list with what makes one character with the comma
  /// that a proxy adds, or write a letter that is an ASCII one in lower case.
  package var fieldText: String {
    guard slice.contains(where: { $0 >= 0x80 }) else { return text }
    var text = String.UnicodeScalarView()
    for byte in slice { text.append(Unicode.Scalar(byte)) }
    return String(text)
  }
}

/// A text without the spaces and tabs around it.
package func trimmed(_ text: Substring) -> Substring {
  var text = text
  while text.first == " " || text.first == "\t" { text.removeFirst() }
  while text.last == " " || text.last == "\t" { text.removeLast() }
  return text
}
