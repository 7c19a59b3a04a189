/// Names a copy of content that whoever writes the output has in another place.
///
/// A name is never given twice, so that one of a copy that is no more means nothing.
package struct ContentCopy: Hashable, Sendable {
  private let number: UInt64

  package init(_ number: UInt64) { self.number = number }
}
