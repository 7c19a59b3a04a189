package import CMAF

/// A kind of event messages in a rendition's chunks, which manifests have to name.
///
/// ISO/IEC 23009-1 §5.10.3.3.
package struct EventStream: Hashable, Sendable, Comparable {
  /// The longest scheme and value.
  package static let lengthLimit = 256

  package let schemeURI: String
  package let value: String

  /// Nil for what no manifest can name: an empty or very long scheme, or characters other than the
  /// printable ones of ASCII.
  package init?(_ message: EventMessage) {
    guard !message.schemeURI.isEmpty, Self.isNameable(message.schemeURI),
      Self.isNameable(message.value)
    else { return nil }
    schemeURI = message.schemeURI
    value = message.value
  }

  private static func isNameable(_ text: String) -> Bool {
    text.utf8.count <= lengthLimit && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
  }

  package static func < (left: EventStream, right: EventStream) -> Bool {
    (left.schemeURI, left.value) < (right.schemeURI, right.value)
  }
}
