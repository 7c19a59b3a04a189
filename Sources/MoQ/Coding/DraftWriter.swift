package import Wire

/// A growing buffer in one draft's form: the shared structures of every message.
package struct DraftWriter {
  private(set) var writer = ByteWriter()
  let draft: Draft
  let profile: WireProfile

  /// Starts empty.
  package init(draft: Draft) {
    self.draft = draft
    profile = draft.profile
  }

  /// Everything written so far.
  package var bytes: Bytes { writer.bytes }
  var count: Int { writer.count }

  /// Writes an integer in the draft's form; traps when it has more bits than the form holds.
  package mutating func integer(_ value: UInt64) {
    if profile.integers == .quic { writer.writeVarint(value) } else { writer.writeVi64(value) }
  }

  mutating func byte(_ value: UInt8) { writer.write(value) }
  mutating func uint16(_ value: UInt16) { writer.write(value) }
  mutating func raw(_ bytes: Bytes) { writer.write(bytes) }
  mutating func flag(_ value: Bool) { writer.write(value ? 1 as UInt8 : 0) }

  mutating func lengthPrefixed(_ bytes: Bytes) {
    integer(UInt64(bytes.count))
    writer.write(bytes)
  }

  mutating func lengthPrefixed(_ text: String) { lengthPrefixed(Bytes(utf8: text)) }

  /// Writes what a closure writes, with its length before it.
  mutating func lengthPrefixed(_ body: (inout DraftWriter) -> Void) {
    var inner = DraftWriter(draft: draft)
    body(&inner)
    lengthPrefixed(inner.bytes)
  }

  mutating func location(_ location: Location) {
    integer(location.group)
    integer(location.object)
  }

  mutating func namespace(_ namespace: TrackNamespace) {
    integer(UInt64(namespace.fields.count))
    for field in namespace.fields { lengthPrefixed(field) }
  }

  mutating func trackName(_ track: FullTrackName) {
    namespace(track.namespace)
    lengthPrefixed(track.name)
  }

  /// Writes the id of the answered request where replies have one.
  mutating func replyID(_ requestID: UInt64?) {
    guard profile.repliesCarryRequestID else { return }
    guard let requestID else { preconditionFailure("a reply in this draft names its request") }
    integer(requestID)
  }
}
