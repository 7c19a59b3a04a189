import Wire

/// Takes a stream of types, lengths and values apart: HTTP/3 frames (RFC 9114 §7.1) and capsules
/// (RFC 9297 §3.2) alike.
///
/// Never holds more than a header, or a value that its owner has agreed to gather.
struct ElementReader {
  /// What to do with an element whose header has arrived.
  enum Treatment {
    /// Hand out the value when it is whole.
    case gather
    /// Hand out the value in the pieces in which it arrives.
    case pass
    case skip
  }

  enum Element: Equatable {
    case whole(type: UInt64, Bytes)
    case piece(Bytes)
  }

  private enum State {
    case header
    case value(type: UInt64, Treatment, left: UInt64)
  }

  private var state = State.header
  private var unread = Bytes()
  private var gathered: [UInt8] = []

  /// Whether the input so far ends with a whole element.
  var isAtBoundary: Bool {
    if case .header = state { return unread.isEmpty }
    return false
  }

  /// Whether input waits for `next`.
  var hasInput: Bool { !unread.isEmpty }

  mutating func append(_ bytes: Bytes) {
    guard !unread.isEmpty else {
      unread = bytes
      return
    }
    // Only the bytes of an incomplete header are ever left over.
    unread = Bytes(unread.array + bytes.array)
  }

  /// Forgets the input that has not been read.
  mutating func dropInput() { unread = Bytes() }

  /// The next element or piece of one; nil when more input is needed.
  ///
  /// `treatment` decides by type and length, and throws where an element may not be.
  mutating func next(
    _ treatment: (_ type: UInt64, _ length: UInt64) throws(HTTP3Violation) -> Treatment
  ) throws(HTTP3Violation) -> Element? {
    while true {
      switch state {
      case .header:
        var reader = ByteReader(unread)
        guard let type = try? reader.readVarint(), let length = try? reader.readVarint() else {
          return nil
        }
        unread = reader.readRest()
        state = .value(type: type, try treatment(type, length), left: length)
      case .value(let type, let treatment, let left):
        let count = Int(min(UInt64(unread.count), left))
        let piece = unread.prefix(count)
        let isWhole = UInt64(count) == left
        guard isWhole || count > 0 else { return nil }
        unread = unread.suffix(from: count)
        state = isWhole ? .header : .value(type: type, treatment, left: left - UInt64(count))
        switch treatment {
        case .skip: continue
        case .pass:
          guard !piece.isEmpty else { continue }
          return .piece(piece)
        case .gather:
          if isWhole, gathered.isEmpty { return .whole(type: type, piece) }
          gathered.append(contentsOf: piece.slice)
          guard isWhole else { continue }
          defer { gathered = [] }
          return .whole(type: type, Bytes(gathered))
        }
      }
    }
  }
}

extension ByteWriter {
  /// Writes an HTTP/3 frame or a capsule.
  mutating func writeElement(type: UInt64, _ value: Bytes) {
    writeVarint(type)
    writeVarint(UInt64(value.count))
    write(value)
  }
}
