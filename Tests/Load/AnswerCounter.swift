import Wire

/// Counts through answers without keeping them: their heads are read, their content is passed over.
struct AnswerCounter {
  /// What is known of the head that is being received.
  private var head: [UInt8] = []
  /// Bytes of content that are still to come; nil in a head.
  private var rest: Int?

  /// Whether nothing of an answer has come that is not whole.
  var isBetweenAnswers: Bool { head.isEmpty && rest == nil }

  /// The status of the answer that these bytes complete; nil while it is not whole.
  ///
  /// What follows an answer, which nobody asked for, is an error.
  mutating func take(_ bytes: ArraySlice<UInt8>) throws(Complaint) -> Int? {
    if let rest {
      guard bytes.count <= rest else { throw Complaint("more bytes than announced") }
      self.rest = bytes.count == rest ? nil : rest - bytes.count
      return bytes.count == rest ? 200 : nil
    }
    if !head.isEmpty {
      let whole = head + bytes
      head = []
      return try begin(whole[...])
    }
    return try begin(bytes)
  }

  private mutating func begin(_ bytes: ArraySlice<UInt8>) throws(Complaint) -> Int? {
    guard let end = Self.headEnd(bytes) else {
      head = Array(bytes)
      return nil
    }
    let status = try Self.status(bytes[..<end])
    let count = status == 304 || status == 204 ? 0 : try Self.length(bytes[..<end])
    let come = bytes.endIndex - end
    guard come <= count else { throw Complaint("more bytes than announced") }
    guard status == 200 else { throw Complaint("status \(status)") }
    guard come < count else { return status }
    rest = count - come
    return nil
  }

  /// The end of the empty line.
  private static func headEnd(_ bytes: ArraySlice<UInt8>) -> Int? {
    var index = bytes.startIndex + 3
    while index < bytes.endIndex {
      if bytes[index] == 0x0A, bytes[index - 1] == 0x0D, bytes[index - 2] == 0x0A {
        return index + 1
      }
      index += 1
    }
    return nil
  }

  private static func status(_ head: ArraySlice<UInt8>) throws(Complaint) -> Int {
    let digits = head.dropFirst(9).prefix(3)
    guard digits.count == 3, digits.allSatisfy({ (48...57).contains($0) }) else {
      throw Complaint("not an HTTP answer")
    }
    return digits.reduce(0) { $0 * 10 + Int($1 - 48) }
  }

  private static let lengthName = Array("\ncontent-length: ".utf8)

  private static func length(_ head: ArraySlice<UInt8>) throws(Complaint) -> Int {
    var start = head.startIndex
    while start + lengthName.count < head.endIndex {
      if head[start] == 0x0A, head[start + 8] | 0x20 == UInt8(ascii: "-"),
        lengthName.indices.allSatisfy({ lower(head[start + $0]) == lengthName[$0] })
      {
        let digits = head[(start + lengthName.count)...].prefix { (48...57).contains($0) }
        guard (1...12).contains(digits.count) else { break }
        return digits.reduce(0) { $0 * 10 + Int($1 - 48) }
      }
      start += 1
    }
    throw Complaint("no Content-Length")
  }

  private static func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }
}
