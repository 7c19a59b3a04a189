package import Wire

/// What a publisher attached to an object or a track, with the immutable ones unpacked.
package struct Properties: Hashable, Sendable {
  /// The pairs of the wire, the immutable container among them.
  package private(set) var pairs: KeyValuePairs
  /// What the immutable container holds; empty when there is none or it does not parse, as with
  /// formats that once used its number for something else.
  package private(set) var immutable: KeyValuePairs

  /// Property types that this module reads itself.
  ///
  /// MOQT §"Properties".
  package enum Kind {
    /// A container of properties that relays may not change.
    package static let immutable: UInt64 = 0x0b
    /// The priority of objects that say none.
    package static let defaultPublisherPriority: UInt64 = 0x0e
    /// Which groups the publisher sends first.
    package static let defaultGroupOrder: UInt64 = 0x22
    /// How many groups before this one never exist.
    package static let priorGroupIDGap: UInt64 = 0x3c
    /// How many objects before this one never exist.
    package static let priorObjectIDGap: UInt64 = 0x3e
    /// Track properties that a receiver must understand or refuse the track.
    package static let mandatory: ClosedRange<UInt64> = 0x4000...0x7fff
  }

  /// Holds pairs that are ours or already decoded.
  package init(_ pairs: KeyValuePairs = KeyValuePairs(), immutable: KeyValuePairs = .init()) {
    self.pairs = pairs
    self.immutable = immutable
  }

  /// Whether there is nothing.
  package var isEmpty: Bool { pairs.isEmpty }

  /// The integer of an even type, mutable ones first; nil when absent.
  package func integer(_ type: UInt64) -> UInt64? {
    pairs.integer(type) ?? immutable.integer(type)
  }

  /// The bytes of an odd type, mutable ones first; nil when absent.
  package func bytes(_ type: UInt64) -> Bytes? { pairs.bytes(type) ?? immutable.bytes(type) }
}

extension DraftReader {
  /// Reads properties up to the end of the input.
  mutating func propertiesToEnd() throws(CodingError) -> Properties {
    let pairs = try keyValuePairsToEnd()
    guard let container = pairs.bytes(Properties.Kind.immutable) else { return Properties(pairs) }
    var inner = DraftReader(container, draft: draft)
    return Properties(pairs, immutable: (try? inner.keyValuePairsToEnd()) ?? KeyValuePairs())
  }
}
