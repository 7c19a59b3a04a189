/// The two forms of RFC 9651 that a session's negotiation uses: a list of strings, and one string.
enum StructuredField {
  /// Writes a list, or an item when there is one text; every text must be printable ASCII.
  static func serialize(_ texts: [String]) -> String {
    texts.map { text in
      precondition(text.utf8.allSatisfy { (0x20...0x7e).contains($0) }, "a string is ASCII")
      return "\""
        + text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined() + "\""
    }.joined(separator: ", ")
  }

  /// Reads a list of strings; nil when it is malformed or has a member of another type.
  ///
  /// Parameters are read over, as no meaning is given to any.
  static func strings(_ text: String) -> [String]? {
    var parser = Parser(text)
    parser.skipSpaces()
    guard !parser.isAtEnd else { return [] }
    var strings: [String] = []
    while true {
      guard let string = parser.string(), parser.skipParameters() else { return nil }
      strings.append(string)
      parser.skipOptionalWhitespace()
      guard !parser.isAtEnd else { return strings }
      guard parser.take(",") else { return nil }
      parser.skipOptionalWhitespace()
      guard !parser.isAtEnd else { return nil }
    }
  }

  /// Reads an item that is a string; nil when it is malformed or of another type.
  static func string(_ text: String) -> String? {
    var parser = Parser(text)
    parser.skipSpaces()
    guard let string = parser.string(), parser.skipParameters() else { return nil }
    parser.skipSpaces()
    return parser.isAtEnd ? string : nil
  }

  /// RFC 9651 §4.2, for strings and for whatever parameters they may have.
  private struct Parser {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    var isAtEnd: Bool { position == bytes.count }
    private var peek: UInt8? { isAtEnd ? nil : bytes[position] }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
      guard peek == UInt8(ascii: character) else { return false }
      position += 1
      return true
    }

    private mutating func skip(while matches: (UInt8) -> Bool) -> Int {
      let start = position
      while let byte = peek, matches(byte) { position += 1 }
      return position - start
    }

    mutating func skipSpaces() { _ = skip { $0 == 0x20 } }
    mutating func skipOptionalWhitespace() { _ = skip { $0 == 0x20 || $0 == 0x09 } }

    mutating func string() -> String? {
      guard take("\"") else { return nil }
      var result: [UInt8] = []
      while let byte = peek {
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return String(decoding: result, as: UTF8.self)
        case UInt8(ascii: "\\"):
          guard let escaped = peek, escaped == UInt8(ascii: "\"") || escaped == UInt8(ascii: "\\")
          else { return nil }
          position += 1
          result.append(escaped)
        case 0x20...0x7e: result.append(byte)
        default: return nil
        }
      }
      return nil
    }

    /// Reads over parameters; false when they are malformed.
    mutating func skipParameters() -> Bool {
      while take(";") {
        skipSpaces()
        guard let first = peek, isLower(first) || first == UInt8(ascii: "*") else { return false }
        _ = skip { isLower($0) || isDigit($0) || "_-.*".utf8.contains($0) }
        if take("="), !skipBareItem() { return false }
      }
      return true
    }

    private mutating func skipBareItem() -> Bool {
      guard let first = peek else { return false }
      switch first {
      case UInt8(ascii: "\""): return string() != nil
      case UInt8(ascii: "?"):
        position += 1
        return take("0") || take("1")
      case UInt8(ascii: ":"):
        position += 1
        _ = skip { isLower($0) || isUpper($0) || isDigit($0) || "+/=".utf8.contains($0) }
        return take(":")
      case UInt8(ascii: "@"):
        position += 1
        return skipNumber()
      case UInt8(ascii: "%"):
        position += 1
        return string() != nil
      case UInt8(ascii: "*"): return skipToken()
      default: return isDigit(first) || first == UInt8(ascii: "-") ? skipNumber() : skipToken()
      }
    }

    private mutating func skipNumber() -> Bool {
      _ = take("-")
      let whole = skip(while: isDigit)
      guard (1...15).contains(whole) else { return false }
      guard take(".") else { return true }
      return whole <= 12 && (1...3).contains(skip(while: isDigit))
    }

    private mutating func skipToken() -> Bool {
      guard let first = peek, isLower(first) || isUpper(first) || first == UInt8(ascii: "*") else {
        return false
      }
      _ = skip {
        isLower($0) || isUpper($0) || isDigit($0) || "!#$%&'*+-.^_`|~:/".utf8.contains($0)
      }
      return true
    }
  }
}

private func isLower(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")) ~= byte }
private func isUpper(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")) ~= byte }
private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")) ~= byte }
