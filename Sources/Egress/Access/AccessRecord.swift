internal import HTTP
internal import Manifests
internal import Wire

/// One request and what became of it, for the access log.
struct AccessRecord {
  let head: RequestHead
  let address: Bytes?
  let utc: UTCTime
  /// The answer's; 499 when the client has gone before there was one.
  let status: UInt16
  /// Of content.
  let bytes: Int
  let duration: Interval
  let held: Interval

  static let clientHasGone: UInt16 = 499

  /// Adds a line in which no token is.
  func render(_ format: Configuration.Access.LogFormat, into line: inout ByteWriter) {
    switch format {
    case .combined: renderCombined(into: &line)
    case .json: renderJSON(into: &line)
    }
  }

  private func renderCombined(into line: inout ByteWriter) {
    line.write(utf8: client)
    line.write(utf8: " - - [")
    line.write(utf8: HTTPDate(utc).commonLog)
    line.write(utf8: "] \"\(method) ")
    line.write(utf8: target)
    line.write(utf8: " \(version)\" \(status) \(bytes) ")
    writeQuoted("referer", into: &line)
    line.write(UInt8(ascii: " "))
    writeQuoted("user-agent", into: &line)
    line.write(utf8: " \(Self.seconds(duration)) \(Self.seconds(held))\n")
  }

  private func renderJSON(into line: inout ByteWriter) {
    line.write(
      utf8: "{\"time\":\"\(utc.iso8601)\",\"client\":\"\(client)\",\"method\":\"\(method)\""
    )
    line.write(utf8: ",\"target\":\"")
    line.write(utf8: target)
    line.write(utf8: "\",\"version\":\"\(version)\",\"status\":\(status),\"bytes\":\(bytes)")
    line.write(utf8: ",\"seconds\":\(Self.seconds(duration)),\"held\":\(Self.seconds(held))")
    for (name, field) in [("host", "host"), ("referer", "referer"), ("userAgent", "user-agent")]
    where head.value(field) != nil {
      line.write(utf8: ",\"\(name)\":")
      writeQuoted(field, into: &line)
    }
    line.write(utf8: "}\n")
  }

  private var client: String {
    address.map { SocketAddress(address: $0, port: 0).host } ?? "unix"
  }

  private var method: String {
    switch head.method {
    case .get: "GET"
    case .head: "HEAD"
    case .options: "OPTIONS"
    case .other(let name): String(name.prefix(32))
    }
  }

  private var version: String { head.version == .http10 ? "HTTP/1.0" : "HTTP/1.1" }

  /// The path and query, encoded anew; a token leaves its mark.
  private var target: String {
    guard head.target.form == .path else { return "*" }
    var text = ""
    for (index, segment) in head.target.segments.enumerated() {
      let isToken = index < 2 && segment.slice.first == Gate.tokenMark
      text += "/" + (isToken ? Gate.tokenMarkText : MediaPath.encoded(segment))
    }
    var separator = "?"
    for parameter in head.target.parameters {
      let value = parameter.name == Gate.tokenParameter ? "-" : MediaPath.encoded(parameter.value)
      text += "\(separator)\(MediaPath.encoded(parameter.name))=\(value)"
      separator = "&"
    }
    return text
  }

  /// A field's value in quotes, `-` when there is none; what could end the quotes or the line, or is a
  /// token, is not in it.
  private func writeQuoted(_ field: String, into line: inout ByteWriter) {
    line.write(UInt8(ascii: "\""))
    if let value = head.value(field) {
      var previous: UInt8 = 0
      var isToken = false
      for byte in value.slice.prefix(Self.fieldLimit) {
        if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "&") { isToken = false }
        if isToken { continue }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0..<0x20, 0x7F...:
          line.write(UInt8(ascii: "."))
        default: line.write(byte)
        }
        isToken =
          byte == Gate.tokenMark && previous == UInt8(ascii: "/")
          || line.array.suffix(Self.tokenQuery.count) == Self.tokenQuery[...]
        previous = byte
      }
    } else {
      line.write(UInt8(ascii: "-"))
    }
    line.write(UInt8(ascii: "\""))
  }

  /// With three decimals.
  private static func seconds(_ interval: Interval) -> String {
    let milliseconds = max(0, interval.nanoseconds) / 1_000_000
    let rest = String(milliseconds % 1000)
    return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
  }

  private static let tokenQuery = Array("\(Gate.tokenParameter)=".utf8)
  /// Bytes of a field that are written, at most.
  private static let fieldLimit = 512
}
