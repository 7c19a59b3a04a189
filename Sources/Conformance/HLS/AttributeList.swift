/// The syntax of an attribute's value, rfc8216bis "Attribute Lists".
enum AttributeKind: Equatable, Sendable {
  case quoted
  case integer
  case hexadecimal
  case float
  case signedFloat
  case word
  case resolution
}

/// A value of an attribute list, with its quotes gone.
struct AttributeValue: Equatable, Sendable {
  let text: String
  let isQuoted: Bool
}

/// The attributes of one tag.
struct AttributeList: Equatable, Sendable {
  private(set) var values: [String: AttributeValue] = [:]
  /// In the order of the text, doubles left out.
  private(set) var names: [String] = []

  /// The text of an attribute; nil when it is absent.
  subscript(name: String) -> String? { values[name]?.text }

  /// A whole number from 0 to 2^53; nil when it is absent or no such number.
  func integer(_ name: String) -> Int? { values[name].flatMap { wholeNumber($0.text) } }

  /// A decimal number of seconds in microseconds; nil when it is absent or no such number.
  func microseconds(_ name: String) -> Int64? {
    values[name].flatMap { decimalMicroseconds($0.text) }
  }

  /// Whether an attribute is the word YES.
  func isYes(_ name: String) -> Bool { self[name] == "YES" }

  /// Reads a list strictly; what is wrong with it is told and the rest of it read where possible.
  ///
  /// `kinds` are the attributes whose syntax is known; others may have any well-formed value.
  static func read(
    _ text: Substring,
    kinds: [String: AttributeKind],
    complain: (String) -> Void
  ) -> AttributeList {
    var list = AttributeList()
    var rest = text
    while !rest.isEmpty {
      guard let equals = rest.firstIndex(of: "=") else {
        complain("\(rest.prefix(40)) is no NAME=value")
        return list
      }
      let name = String(rest[..<equals])
      if name.isEmpty || !name.utf8.allSatisfy({ isNameByte($0) }) {
        complain("\(name.prefix(40)) is no attribute name")
      }
      rest = rest[rest.index(after: equals)...]
      var isQuoted = false
      let value: Substring
      if rest.hasPrefix("\"") {
        isQuoted = true
        let inside = rest.dropFirst()
        guard let quote = inside.firstIndex(of: "\"") else {
          complain("\(name) has no closing quote")
          return list
        }
        value = inside[..<quote]
        rest = inside[inside.index(after: quote)...]
        if let next = rest.first, next != "," {
          complain("\(name) goes on after its closing quote")
          rest = rest.drop { $0 != "," }
        }
      } else {
        value = rest.prefix { $0 != "," }
        rest = rest[value.endIndex...]
      }
      list.add(name, AttributeValue(text: String(value), isQuoted: isQuoted), kinds, complain)
      if rest.hasPrefix(",") {
        rest = rest.dropFirst()
        if rest.isEmpty { complain("the list ends with a comma") }
      }
    }
    return list
  }

  private mutating func add(
    _ name: String,
    _ value: AttributeValue,
    _ kinds: [String: AttributeKind],
    _ complain: (String) -> Void
  ) {
    guard values[name] == nil else {
      complain("\(name) stands twice")
      return
    }
    values[name] = value
    names.append(name)
    if let kind = kinds[name] {
      if !Self.matches(value, kind) { complain("\(name) is \(value.text.prefix(40)), no \(kind)") }
    } else if !value.isQuoted,
      value.text.isEmpty || value.text.contains(where: { " \t\"".contains($0) })
    {
      complain("\(name) has an empty value, or a blank or quote in it")
    }
  }

  private static func matches(_ value: AttributeValue, _ kind: AttributeKind) -> Bool {
    let text = value.text
    guard value.isQuoted == (kind == .quoted) else { return false }
    switch kind {
    case .quoted: return true
    case .integer: return isDigits(text, 1...20)
    case .hexadecimal:
      return (text.hasPrefix("0x") || text.hasPrefix("0X")) && text.utf8.count > 2
    case .float: return isDecimal(text)
    case .signedFloat: return isDecimal(text.hasPrefix("-") ? text.dropFirst() : text[...])
    case .word: return !text.isEmpty && !text.contains { " \t\"".contains($0) }
    case .resolution:
      let sides = text.split(separator: "x", omittingEmptySubsequences: false)
      return sides.count == 2 && sides.allSatisfy { isDigits($0, 1...9) }
    }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D
  }
}

/// Whether a text is so many decimal digits and nothing else.
func isDigits(_ text: some StringProtocol, _ count: ClosedRange<Int>) -> Bool {
  count.contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
}

/// Whether a text is a decimal number without sign or exponent, of at most 40 characters.
func isDecimal(_ text: some StringProtocol) -> Bool {
  let sides = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
  return (1...2).contains(sides.count) && sides.allSatisfy { isDigits($0, 1...20) }
}

/// A whole number from 0 to 2^53; nil for any other text.
func wholeNumber(_ text: some StringProtocol) -> Int? {
  guard isDigits(text, 1...16), let number = Int(text), number <= 1 << 53 else { return nil }
  return number
}

/// Seconds as a decimal number, below 10^6, in microseconds rounded to the nearest; nil for any
/// other text.
func decimalMicroseconds(_ text: some StringProtocol) -> Int64? {
  guard isDecimal(text) else { return nil }
  let sides = text.split(separator: ".", maxSplits: 1)
  guard let whole = Int64(sides[0]), whole < 1_000_000 else { return nil }
  guard sides.count == 2 else { return whole * 1_000_000 }
  let digits = sides[1].utf8.prefix(7).map { Int64($0 - 0x30) }
  var fraction: Int64 = 0
  for index in 0..<7 { fraction = fraction * 10 + (index < digits.count ? digits[index] : 0) }
  return whole * 1_000_000 + (fraction + 5) / 10
}
