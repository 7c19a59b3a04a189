import Wire

/// What travels on the CONNECT stream of a session, RFC 9297 §3 and WebTransport §5.
enum Capsule: Equatable {
  case datagram(Bytes)
  case close(code: UInt32, reason: String)
  case drain

  enum CapsuleType {
    static let datagram: UInt64 = 0x00
    static let close: UInt64 = 0x2843
    static let drain: UInt64 = 0x78ae
  }

  /// The longest reason, in bytes of UTF-8.
  static let reasonBytes = 1024

  /// How a reader treats a capsule; throws when one has another length than it may.
  static func treatment(
    type: UInt64,
    length: UInt64,
    limits: WebTransportLimits
  ) throws(HTTP3Violation) -> ElementReader.Treatment {
    let lengths: ClosedRange<UInt64>
    switch type {
    case CapsuleType.datagram: lengths = 0...UInt64(limits.datagramCapsuleBytes)
    case CapsuleType.close: lengths = 4...UInt64(4 + reasonBytes)
    case CapsuleType.drain: lengths = 0...0
    default: return .skip
    }
    guard lengths.contains(length) else {
      throw HTTP3Violation(
        .messageError,
        "a capsule of type 0x\(String(type, radix: 16)) has \(length) bytes"
      )
    }
    return .gather
  }

  /// Reads the value of a capsule that was gathered.
  init(type: UInt64, _ value: Bytes) throws(HTTP3Violation) {
    switch type {
    case CapsuleType.datagram: self = .datagram(value)
    case CapsuleType.close:
      var reader = ByteReader(value)
      guard let code = try? reader.readUInt32(),
        let reason = String(validating: reader.readRest().slice, as: UTF8.self)
      else { throw HTTP3Violation(.messageError, "the reason of a close is not text") }
      self = .close(code: code, reason: reason)
    default: self = .drain
    }
  }

  func write(to writer: inout ByteWriter) {
    switch self {
    case .datagram(let payload): writer.writeElement(type: CapsuleType.datagram, payload)
    case .close(let code, let reason):
      var value = ByteWriter()
      value.write(code)
      value.write(utf8: Capsule.fitting(reason))
      writer.writeElement(type: CapsuleType.close, value.bytes)
    case .drain: writer.writeElement(type: CapsuleType.drain, Bytes())
    }
  }

  /// A reason cut between characters so that it is not too long.
  private static func fitting(_ reason: String) -> String {
    guard reason.utf8.count > reasonBytes else { return reason }
    var text = ""
    var count = 0
    for scalar in reason.unicodeScalars {
      count += UTF8.width(scalar)
      guard count <= reasonBytes else { break }
      text.unicodeScalars.append(scalar)
    }
    return text
  }
}
