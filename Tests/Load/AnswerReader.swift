import Wire

/// An HTTP answer: its status and its content.
struct HTTPAnswer {
  let status: Int
  let body: ArraySlice<UInt8>
}

/// Takes answers with a Content-Length out of what one connection received.
struct AnswerReader {
  private var rest: [UInt8] = []

  var isEmpty: Bool { rest.isEmpty }

  /// Takes what was read and gives the answer that it completes; nil while it is not whole.
  ///
  /// What follows an answer, which nobody asked for, is an error.
  mutating func take(_ bytes: ArraySlice<UInt8>) throws(Complaint) -> HTTPAnswer? {
    if rest.isEmpty {
      // The usual case: an answer in one read, parsed where it lies.
      if let answer = try Self.parse(bytes) { return answer }
      rest = Array(bytes)
      return nil
    }
    rest += bytes
    guard let answer = try Self.parse(rest[...]) else { return nil }
    rest = []
    return answer
  }

  private static let headEnd: [UInt8] = Array("\r\n\r\n".utf8)
  private static let lengthName: [UInt8] = Array("\r\ncontent-length:".utf8)

  private static func parse(_ bytes: ArraySlice<UInt8>) throws(Complaint) -> HTTPAnswer? {
    guard let head = position(of: headEnd, in: bytes) else { return nil }
    let first = bytes.startIndex
    guard bytes.count > 12, let status = number(bytes[(first + 9)..<(first + 12)]) else {
      throw Complaint("not an HTTP answer")
    }
    let body = head + headEnd.count
    var length = 0
    if let field = position(of: lengthName, in: bytes[..<(head + 2)]) {
      let value = bytes[(field + lengthName.count)..<head].drop { $0 == UInt8(ascii: " ") }
      guard let count = number(value.prefix { $0 != UInt8(ascii: "\r") }) else {
        throw Complaint("bad Content-Length")
      }
      length = count
    } else if status != 304 && status != 204 {
      throw Complaint("no Content-Length")
    }
    guard bytes.endIndex - body >= length else { return nil }
    guard bytes.endIndex - body == length else { throw Complaint("more bytes than announced") }
    return HTTPAnswer(status: status, body: bytes[body...])
  }

  /// Where a lower-case pattern begins, letters of either case.
  private static func position(of pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
    guard bytes.count >= pattern.count else { return nil }
    for start in bytes.startIndex...(bytes.endIndex - pattern.count)
    where bytes[start] == pattern[0] {
      var length = 1
      while length < pattern.count, lower(bytes[start + length]) == pattern[length] { length += 1 }
      if length == pattern.count { return start }
    }
    return nil
  }

  private static func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    guard !digits.isEmpty, digits.count < 12 else { return nil }
    var value = 0
    for digit in digits {
      guard (48...57).contains(digit) else { return nil }
      value = value * 10 + Int(digit - 48)
    }
    return value
  }
}
