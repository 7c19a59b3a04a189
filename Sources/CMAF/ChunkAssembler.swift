package import Wire

/// Puts together chunks whose `moof` and `mdat` came in several objects.
package struct ChunkAssembler: Sendable {
  private let limitBytes: Int
  private var pending: [UInt8] = []
  /// Where the first box that is not known to be whole starts.
  private var scanned = 0
  /// Whether the boxes before `scanned` end with an `mdat`.
  private var endsWithMedia = false

  /// Holds up to `limitBytes` of a chunk that is not whole.
  package init(limitBytes: Int) { self.limitBytes = limitBytes }

  /// How much of a chunk is waiting for its rest.
  package var pendingCount: Int { pending.count }

  /// Takes the next object and hands out everything since the last hand-out once it ends with a
  /// whole `mdat`; nil while it does not.
  ///
  /// An object that is whole by itself comes back without a copy. After an error the assembler
  /// is empty.
  package mutating func append(_ object: Bytes) throws(CMAFError) -> Bytes? {
    guard object.count <= limitBytes - pending.count else {
      let count = pending.count + object.count
      reset()
      throw .limit(
        box: nil,
        field: "unfinished chunk bytes",
        value: UInt64(count),
        limit: UInt64(limitBytes)
      )
    }
    if pending.isEmpty, try scan(object) {
      reset()
      return object
    }
    pending.append(contentsOf: object.slice)
    guard try scan(Bytes(pending)) else { return nil }
    let whole = Bytes(pending)
    reset()
    return whole
  }

  /// Forgets what is waiting, after a lost object.
  package mutating func reset() {
    pending = []
    scanned = 0
    endsWithMedia = false
  }

  /// Walks the boxes not yet walked; true when the last one is a whole `mdat`.
  private mutating func scan(_ bytes: Bytes) throws(CMAFError) -> Bool {
    while scanned < bytes.count {
      let header: BoxHeader
      do {
        header = try BoxHeader(bytes, at: scanned, offset: scanned)
      } catch .truncated {
        return false
      } catch {
        reset()
        throw error
      }
      guard case .known(let size) = header.size else { return header.type == "mdat" }
      guard size <= bytes.count - scanned else { return false }
      scanned += size
      endsWithMedia = header.type == "mdat"
    }
    return endsWithMedia
  }
}
