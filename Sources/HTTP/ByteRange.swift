package import Wire

/// What a Range field selects of a representation.
///
/// RFC 9110 §14.2. Several ranges are answered with everything, which the RFC allows.
package enum ByteRange: Sendable, Hashable {
  /// Answer 200 with everything: no Range, one that is not understood, or several.
  case whole
  /// Answer 206 with these bytes.
  case part(Range<Int>)
  /// Answer 416.
  case unsatisfiable

  /// Evaluates a Range field against a length; nil stands for no field.
  package init(_ field: Bytes?, of length: Int) {
    self = field.flatMap { ByteRange.parse($0.fieldText, length) } ?? .whole
  }

  /// Evaluates a request's Range and If-Range against a representation.
  ///
  /// If-Range must be the same strong entity tag; a date never matches, as nothing here has one.
  package init(_ head: RequestHead, of length: Int, entityTag: String?) {
    if let condition = head.value("if-range") {
      guard let entityTag, !entityTag.hasPrefix("W/"), condition.fieldText == entityTag else {
        self = .whole
        return
      }
    }
    // Range is defined for GET alone, RFC 9110 §14.2.
    self.init(head.method == .get ? head.value("range") : nil, of: length)
  }

  /// The value of Content-Range; nil for everything.
  package func contentRange(of length: Int) -> String? {
    switch self {
    case .whole: nil
    case .part(let range): "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(length)"
    case .unsatisfiable: "bytes */\(length)"
    }
  }

  private static func parse(_ text: String, _ length: Int) -> ByteRange? {
    guard let equals = text.firstIndex(of: "="),
      trimmed(text[..<equals]).lowercased() == "bytes"
    else { return nil }
    let set = text[text.index(after: equals)...]
    guard !set.contains(",") else { return nil }
    let range = trimmed(set)
    guard let dash = range.firstIndex(of: "-") else { return nil }
    let first = number(range[..<dash])
    let last = number(range[range.index(after: dash)...])
    switch (first, last) {
    case (.some(let first), .some(let last)):
      guard first <= last else { return nil }
      return first < length ? .part(first..<min(last, length - 1) + 1) : .unsatisfiable
    case (.some(let first), nil):
      guard range.hasSuffix("-") else { return nil }
      return first < length ? .part(first..<length) : .unsatisfiable
    case (nil, .some(let suffix)):
      guard range.hasPrefix("-") else { return nil }
      return suffix > 0 && length > 0 ? .part(max(0, length - suffix)..<length) : .unsatisfiable
    case (nil, nil): return nil
    }
  }

  /// Decimal digits, nil for anything else; what does not fit is as good as the largest number.
  private static func number(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return Int(text) ?? .max
  }
}
