import Wire

/// Reads a request's content and throws it away, within a limit.
struct ContentDrain {
  private enum State: Equatable {
    case length(Int)
    case chunkSize
    case chunkData(Int)
    case chunkEnd
    case trailer
    case done
  }

  private var state: State
  private var budget: Int
  private let limit: Int

  init(_ content: RequestParser.Content, limit: Int) throws(RequestError) {
    self.limit = limit
    budget = limit
    switch content {
    case .none: state = .done
    case .chunked: state = .chunkSize
    case .length(let count):
      state = .length(count)
      try charge(count)
    }
  }

  /// Whether nothing is to come, or all has.
  var isDone: Bool { state == .done }

  /// Takes what has come; true once the content is complete.
  mutating func drain(_ parser: inout RequestParser) throws(RequestError) -> Bool {
    while true {
      switch state {
      case .done: return true
      case .length(let count):
        let dropped = parser.dropContent(count)
        state = dropped == count ? .done : .length(count - dropped)
        guard dropped == count else { return false }
      case .chunkSize:
        guard let line = try parser.takeLine(limit: ContentDrain.lineLimit) else { return false }
        let size = try size(line)
        try charge(size + line.count + 2)
        state = size == 0 ? .trailer : .chunkData(size)
      case .chunkData(let count):
        let dropped = parser.dropContent(count)
        state = dropped == count ? .chunkEnd : .chunkData(count - dropped)
        guard dropped == count else { return false }
      case .chunkEnd:
        guard let line = try parser.takeLine(limit: ContentDrain.lineLimit) else { return false }
        guard line.isEmpty else { throw .bad("chunk is longer than it says") }
        state = .chunkSize
      case .trailer:
        guard let line = try parser.takeLine(limit: ContentDrain.lineLimit) else { return false }
        try charge(line.count + 2)
        if line.isEmpty {
          state = .done
        } else {
          // It is thrown away, but what is no field may be somebody else's request.
          _ = try RequestParser.readField(line)
        }
      }
    }
  }

  private mutating func charge(_ count: Int) throws(RequestError) {
    guard count <= budget else { throw tooLarge }
    budget -= count
  }

  /// A chunk's size, its extensions ignored; RFC 9112 §7.1.
  private func size(_ line: Bytes) throws(RequestError) -> Int {
    let digits = line.slice.prefix { ContentDrain.isHexDigit($0) }
    let rest = line.slice[digits.endIndex...]
    guard !digits.isEmpty else { throw .bad("chunk size is not a number") }
    // Blanks may stand before the semicolon of an extension, and nowhere else.
    let afterBlanks = rest.drop { $0 == 0x20 || $0 == 0x09 }
    guard rest.isEmpty || afterBlanks.first == UInt8(ascii: ";"), RequestParser.isText(rest) else {
      throw .bad("chunk size is followed by something else than an extension")
    }
    // A number that does not fit is above every limit.
    guard let size = Int(Bytes(digits).text, radix: 16), size <= limit else { throw tooLarge }
    return size
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"):
      true
    default: false
    }
  }

  private var tooLarge: RequestError {
    RequestError(.contentTooLarge, "content is longer than \(limit) bytes")
  }

  /// Size and extensions of a chunk, or one trailer field.
  private static let lineLimit = 1024
}
