package import Packaging
package import Wire

/// The names of media below a broadcast's URL: HLS and DASH share them all.
package enum MediaPath {
  /// Percent-encodes one path segment: all but unreserved characters, RFC 3986 §2.3.
  package static func encoded(_ component: Bytes) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var text: [UInt8] = []
    for byte in component.slice {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        text.append(byte)
      default:
        text += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    // A component of dots alone would be a relative path segment.
    if !text.isEmpty, text.allSatisfy({ $0 == UInt8(ascii: ".") }) {
      return String(repeating: "%2E", count: text.count)
    }
    return String(decoding: text, as: UTF8.self)
  }

  package static func encoded(_ component: String) -> String { encoded(Bytes(utf8: component)) }

  /// An init segment, relative to its rendition.
  package static func initSegment(_ segment: InitSegment) -> String {
    var text = TextWriter(reserving: 24)
    text.write(segment)
    return text.text
  }

  /// A segment, relative to its rendition.
  package static func segment(_ epoch: Epoch, start: Int64) -> String {
    var text = TextWriter(reserving: 48)
    text.write(segment: epoch, start: start)
    return text.text
  }

  /// The segments of an epoch by number, relative to their rendition; with DASH's word for the number.
  package static func numberedSegments(_ epoch: Epoch) -> String {
    "\(epoch.name)/number/$Number$.m4s"
  }

  /// A part, relative to its rendition.
  package static func part(_ epoch: Epoch, start: Int64) -> String {
    var text = TextWriter(reserving: 48)
    text.write(part: epoch, start: start)
    return text.text
  }
}

extension TextWriter {
  /// Writes ``MediaPath/initSegment(_:)``.
  mutating func write(_ segment: InitSegment) {
    write(segment.name)
    write(".mp4")
  }

  /// Writes ``MediaPath/segment(_:start:)``.
  mutating func write(segment epoch: Epoch, start: Int64) {
    write(epoch.name)
    write("/segment/")
    write(start)
    write(".m4s")
  }

  /// Writes ``MediaPath/part(_:start:)``.
  mutating func write(part epoch: Epoch, start: Int64) {
    write(epoch.name)
    write("/part/")
    write(start)
    write(".m4s")
  }
}
