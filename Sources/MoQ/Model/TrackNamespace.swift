package import Wire

/// The tuple of byte strings that a broadcast's tracks are named under.
///
/// MOQT §"Track Naming": at most 32 fields, at most 4,096 bytes in all; compared byte by byte.
package struct TrackNamespace: Hashable, Sendable {
  /// The fields in order; empty only for a prefix that matches everything.
  package let fields: [Bytes]

  /// The most fields a namespace may have.
  package static let maximumFields = 32
  /// The most bytes all fields and a track name may have together.
  package static let maximumBytes = 4096

  /// Makes a namespace of fields that are known to respect the limits.
  package init(_ fields: [Bytes]) { self.fields = fields }

  /// Splits a text at a separator; nil when a field is empty or a limit is passed.
  ///
  /// An empty text is the empty namespace.
  package init?(text: String, separator: Character = "/") {
    guard !text.isEmpty else {
      self.init([])
      return
    }
    let parts = text.split(separator: separator, omittingEmptySubsequences: false)
    let fields = parts.map { Bytes(utf8: String($0)) }
    guard fields.count <= Self.maximumFields, fields.allSatisfy({ !$0.isEmpty }),
      text.utf8.count <= Self.maximumBytes
    else { return nil }
    self.init(fields)
  }

  /// The bytes of all fields together.
  package var byteCount: Int { fields.reduce(0) { $0 + $1.count } }

  /// Whether it may go on the wire.
  var isWithinLimits: Bool {
    fields.count <= Self.maximumFields && byteCount <= Self.maximumBytes
  }

  /// Whether every field of `prefix` equals the field at the same place here.
  package func hasPrefix(_ prefix: TrackNamespace) -> Bool {
    fields.starts(with: prefix.fields)
  }

  /// This namespace with the fields of another after its own.
  package func appending(_ suffix: TrackNamespace) -> TrackNamespace {
    TrackNamespace(fields + suffix.fields)
  }

  /// The fields read as UTF-8 and joined.
  package func joined(separator: String = "/") -> String {
    fields.map(\.text).joined(separator: separator)
  }
}

extension TrackNamespace: CustomStringConvertible {
  /// The form that the drafts give for logs: fields joined by `-`, odd bytes as `.xx`.
  package var description: String { fields.map(logForm).joined(separator: "-") }
}

/// Letters, digits and `_` as they are, every other byte as a point and two hex digits.
func logForm(_ bytes: Bytes) -> String {
  var text = ""
  for byte in bytes.slice {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      text.unicodeScalars.append(Unicode.Scalar(byte))
    default:
      text += "." + hex(CollectionOfOne(byte))
    }
  }
  return text
}
