/// The fields of a request or response, checked by RFC 9114 §4.2 and §4.3.
struct MessageHead {
  private let pseudo: [String: String]
  private let regular: [Field]

  /// Those of a request, in the order in which they are usually sent.
  static let requestPseudoFields = [":method", ":protocol", ":scheme", ":authority", ":path"]
  static let responsePseudoFields = [":status"]

  private static let connectionFields: Set<String> = [
    "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
  ]

  /// Throws `.messageError` when a field may not be there, or not in this form.
  init(_ fields: [Field], allowing pseudoFields: [String]) throws(HTTP3Violation) {
    var pseudo: [String: String] = [:]
    var regular: [Field] = []
    for field in fields {
      guard MessageHead.isValue(field.value) else {
        throw HTTP3Violation(.messageError, "the value of a field can't be sent")
      }
      if field.name.hasPrefix(":") {
        guard regular.isEmpty, pseudo[field.name] == nil, pseudoFields.contains(field.name) else {
          throw HTTP3Violation(.messageError, "\(field.name) may not be there")
        }
        pseudo[field.name] = field.value
      } else {
        guard MessageHead.isName(field.name),
          !MessageHead.connectionFields.contains(field.name)
        else { throw HTTP3Violation(.messageError, "a field may not be named '\(field.name)'") }
        regular.append(field)
      }
    }
    self.pseudo = pseudo
    self.regular = regular
  }

  /// A pseudo-header field; nil when it is missing.
  subscript(pseudo name: String) -> String? { pseudo[name] }

  /// The values of all fields of a name as one; nil when there is none.
  subscript(name: String) -> String? {
    let values = regular.filter { $0.name == name }.map(\.value)
    return values.isEmpty ? nil : values.joined(separator: ", ")
  }

  /// Token characters of RFC 9110 §5.6.2, none of them a capital letter.
  private static func isName(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }

  private static func isValue(_ value: String) -> Bool {
    !value.utf8.contains { $0 == 0x00 || $0 == 0x0a || $0 == 0x0d }
  }
}
