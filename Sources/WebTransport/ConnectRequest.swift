/// What a client asks a server for.
package struct ConnectRequest: Sendable {
  /// Host and port.
  package var authority: String
  /// Path and query.
  package var path: String
  /// The protocols that it speaks over the session, most wanted first.
  package var protocols: [String]
  /// Whether a session without a protocol agreed on is of use as well.
  package var allowsNoProtocol: Bool

  package init(authority: String, path: String, protocols: [String], allowsNoProtocol: Bool) {
    self.authority = authority
    self.path = path
    self.protocols = protocols
    self.allowsNoProtocol = allowsNoProtocol
  }

  /// The extended CONNECT, RFC 9220; the protocols are left out when the server is not to choose.
  ///
  /// Who takes sessions of drafts before 15 at all is asked for one of these, as all are who we know.
  func fields(offeringProtocols: Bool, _ settings: Settings) -> [Field] {
    let token = settings.takesOldSessions ? "webtransport" : "webtransport-h3"
    var fields = [
      Field(":method", "CONNECT"), Field(":protocol", token), Field(":scheme", "https"),
      Field(":authority", authority), Field(":path", path),
    ]
    if offeringProtocols, !protocols.isEmpty {
      fields.append(Field("wt-available-protocols", StructuredField.serialize(protocols)))
    }
    return fields
  }

  /// What a final response to the request means.
  enum Answer: Equatable {
    case interim
    case accepted(chosen: String?)
    /// The session is open but of no use.
    case unusable(String)
    case refused(status: Int)
  }

  /// Reads a response; throws `.messageError` when it is malformed.
  func answer(_ fields: [Field]) throws(HTTP3Violation) -> Answer {
    let head = try MessageHead(fields, allowing: MessageHead.responsePseudoFields)
    guard let text = head[pseudo: ":status"], text.utf8.count == 3, let status = Int(text),
      status >= 100, status != 101
    else { throw HTTP3Violation(.messageError, "a response has no status") }
    switch status {
    case 100..<200: return .interim
    case 200..<300: break
    default: return .refused(status: status)
    }
    guard let chosen = head["wt-protocol"].flatMap(StructuredField.string) else {
      return allowsNoProtocol
        ? .accepted(chosen: nil) : .unusable("the server chose none of the protocols offered")
    }
    return protocols.contains(chosen)
      ? .accepted(chosen: chosen)
      : .unusable("the server chose '\(chosen)', which was not offered")
  }
}

/// What a server takes of its clients.
package struct ConnectPolicy: Sendable {
  /// The path at which sessions are, without a query.
  package var path: String
  /// The protocols that it speaks over the session, most wanted first.
  package var protocols: [String]
  /// Whether a client that offers no protocol is served as well.
  package var allowsNoProtocol: Bool

  package init(path: String, protocols: [String], allowsNoProtocol: Bool) {
    self.path = path
    self.protocols = protocols
    self.allowsNoProtocol = allowsNoProtocol
  }

  /// What a request is answered.
  enum Answer: Equatable {
    case accepted(chosen: String?)
    case refused(status: Int)
  }

  /// Reads a request; throws `.messageError` when it is malformed.
  func answer(_ fields: [Field]) throws(HTTP3Violation) -> Answer {
    let head = try MessageHead(fields, allowing: MessageHead.requestPseudoFields)
    guard let method = head[pseudo: ":method"] else {
      throw HTTP3Violation(.messageError, "a request has no method")
    }
    let token = head[pseudo: ":protocol"]
    guard method == "CONNECT", let token else {
      guard token == nil else {
        throw HTTP3Violation(.messageError, "\(method) has a :protocol")
      }
      return .refused(status: isHere(head[pseudo: ":path"]) ? 405 : 404)
    }
    guard let scheme = head[pseudo: ":scheme"], let path = head[pseudo: ":path"],
      let authority = head[pseudo: ":authority"], path.hasPrefix("/")
    else { throw HTTP3Violation(.messageError, "an extended CONNECT lacks its target") }
    // RFC 9220 §3; drafts from 15 on say webtransport-h3.
    guard token == "webtransport" || token == "webtransport-h3" else {
      return .refused(status: 501)
    }
    guard scheme == "https", ConnectPolicy.isAuthority(authority),
      head["host"].map({ $0 == authority }) ?? true
    else { return .refused(status: 400) }
    guard isHere(path) else { return .refused(status: 404) }
    guard let offered = head["wt-available-protocols"].flatMap(StructuredField.strings),
      !offered.isEmpty
    else { return allowsNoProtocol ? .accepted(chosen: nil) : .refused(status: 400) }
    guard let chosen = protocols.first(where: offered.contains) else {
      return .refused(status: 400)
    }
    return .accepted(chosen: chosen)
  }

  private func isHere(_ target: String?) -> Bool {
    target?.prefix { $0 != "?" }.elementsEqual(path) ?? false
  }

  /// Host and perhaps port, RFC 3986 §3.2, without user information.
  private static func isAuthority(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first else { return false }
    let hostEnd: Int
    if first == UInt8(ascii: "[") {
      guard let bracket = bytes.firstIndex(of: UInt8(ascii: "]")), bracket > 1 else { return false }
      guard
        bytes[1..<bracket].allSatisfy({ isHexadecimal($0) || ":.".utf8.contains($0) })
      else { return false }
      hostEnd = bracket + 1
    } else {
      hostEnd = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
      guard hostEnd > 0, bytes[..<hostEnd].allSatisfy(isHostCharacter) else { return false }
    }
    let port = bytes[hostEnd...]
    guard !port.isEmpty else { return true }
    return port.first == UInt8(ascii: ":") && port.count <= 6
      && port.dropFirst().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"):
      true
    default: false
    }
  }

  private static func isHostCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      true
    default: "-._~!$&'()*+,;=%".utf8.contains(byte)
    }
  }
}
