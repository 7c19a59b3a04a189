import Wire

/// What a SETTINGS frame says of WebTransport, RFC 9114 §7.2.4.
struct Settings: Equatable {
  /// Identifiers, those of all drafts that are spoken today among them.
  enum Identifier {
    static let maximumFieldSectionSize: UInt64 = 0x06
    static let enableConnectProtocol: UInt64 = 0x08
    static let datagrams: UInt64 = 0x33
    /// Before RFC 9297.
    static let oldDatagrams: UInt64 = 0xff_d277
    /// Drafts 2 to 6.
    static let enableWebTransport: UInt64 = 0x2b60_3742
    /// Drafts 7 to 12.
    static let oldMaximumSessions: UInt64 = 0xc671_706a
    /// Drafts 13 and 14.
    static let maximumSessions: UInt64 = 0x14e9_cd29
    /// Drafts from 15 on.
    static let enabled: UInt64 = 0x2c7c_f000
    /// HTTP/2's, which mean nothing here, RFC 9114 §7.2.4.1.
    static let reserved: Set<UInt64> = [0x00, 0x02, 0x03, 0x04, 0x05]
  }

  var takesConnectProtocol = false
  var takesDatagrams = false
  /// Whether sessions are taken as drafts before 15 have them.
  var takesOldSessions = false
  /// Whether sessions are taken as drafts from 15 on have them.
  var takesNewSessions = false

  /// What a client needs and the server has not said; nil when nothing is missing.
  var lack: String? {
    if !takesOldSessions, !takesNewSessions { return "WebTransport" }
    if !takesConnectProtocol { return "extended CONNECT" }
    return takesDatagrams ? nil : "HTTP datagrams"
  }

  init() {}

  /// Reads a frame's value; throws when it is cut, says something twice, or what may not be said.
  init(_ bytes: Bytes) throws(HTTP3Violation) {
    var reader = ByteReader(bytes)
    var seen: Set<UInt64> = []
    while !reader.isAtEnd {
      guard let identifier = try? reader.readVarint(), let value = try? reader.readVarint() else {
        throw HTTP3Violation(.frameError, "SETTINGS ends inside a setting")
      }
      let name = "setting 0x\(String(identifier, radix: 16))"
      guard !Identifier.reserved.contains(identifier) else {
        throw HTTP3Violation(.settingsError, "\(name) is HTTP/2's")
      }
      guard seen.insert(identifier).inserted else {
        throw HTTP3Violation(.settingsError, "\(name) comes twice")
      }
      switch identifier {
      case Identifier.enableConnectProtocol, Identifier.datagrams:
        guard value <= 1 else { throw HTTP3Violation(.settingsError, "\(name) is \(value)") }
        if identifier == Identifier.datagrams {
          takesDatagrams = takesDatagrams || value == 1
        } else {
          takesConnectProtocol = value == 1
        }
      case Identifier.oldDatagrams: takesDatagrams = takesDatagrams || value == 1
      case Identifier.enableWebTransport, Identifier.oldMaximumSessions,
        Identifier.maximumSessions:
        takesOldSessions = takesOldSessions || value > 0
      case Identifier.enabled: takesNewSessions = value == 1
      default: break
      }
    }
  }

  /// The value of the frame that this side sends: one session, of every draft.
  static func ours(_ limits: WebTransportLimits) -> Bytes {
    var writer = ByteWriter()
    writer.writeVarint(Identifier.maximumFieldSectionSize)
    writer.writeVarint(UInt64(limits.fieldSectionBytes))
    for identifier in [
      Identifier.enableConnectProtocol, Identifier.datagrams, Identifier.oldDatagrams,
      Identifier.enableWebTransport, Identifier.oldMaximumSessions, Identifier.maximumSessions,
      Identifier.enabled,
    ] {
      writer.writeVarint(identifier)
      writer.writeVarint(1)
    }
    return writer.bytes
  }
}
