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
  package static func initSegment(_ segment: InitSegment) -> String { segment.name + ".mp4" }

  /// A segment, relative to its rendition.
  package static func segment(_ epoch: Epoch, start: Int64) -> String {
    "\(epoch.name)/segment/\(start).m4s"
  }

  /// The segments of an epoch by number, relative to their rendition; with DASH's word for the number.
  package static func numberedSegments(_ epoch: Epoch) -> String {
    "\(epoch.name)/number/$Number$.m4s"
  }

  /// A part, relative to its rendition.
  package static func part(_ epoch: Epoch, start: Int64) -> String {
    "\(epoch.name)/part/\(start).m4s"
  }
}
