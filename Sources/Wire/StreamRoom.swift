/// Memory for a run of a stream's bytes whose length is known before it has come.
///
/// A reader makes it, and its transport may write what comes next straight into it, so that it is copied
/// once; a shared reference, as both add to it in turn.
package final class StreamRoom {
  /// What has come of the run.
  package private(set) var bytes: [UInt8] = []
  /// The length of the run.
  package let wanted: Int

  /// How much of a run there is memory for, by what has come of it.
  private static let growth = 4
  /// So much more than what has come there may always be memory for.
  private static let advance = 1 << 20

  /// Room for `wanted` bytes, at least 1; how many of them memory is taken for follows what comes.
  package init(wanted: Int) { self.wanted = wanted }

  /// How many bytes have yet to come.
  package var missing: Int { wanted - bytes.count }

  /// Adds what comes next of the run; returns how many of the bytes belong to it.
  package func append(_ more: Span<UInt8>) -> Int {
    let count = min(missing, more.count)
    Self.add(more.extracting(first: count), to: &bytes, of: wanted)
    return count
  }

  /// Adds what comes next of the run; returns how many of the bytes belong to it.
  package func append(_ more: Bytes) -> Int { append(more.slice.span) }

  /// Adds what comes next if the run is not complete with it; false, and nothing is added, if it is.
  package func appendWithin(_ more: Span<UInt8>) -> Bool {
    Self.add(more, to: &bytes, within: wanted)
  }

  private static func add(_ more: Span<UInt8>, to bytes: inout [UInt8], within wanted: Int) -> Bool
  {
    guard bytes.count + more.count < wanted else { return false }
    add(more, to: &bytes, of: wanted)
    return true
  }

  private static func add(_ more: Span<UInt8>, to bytes: inout [UInt8], of wanted: Int) {
    let total = bytes.count + more.count
    if bytes.capacity < total {
      bytes.reserveCapacity(min(wanted, max(growth * total, total + advance)))
    }
    bytes.append(addingCapacity: more.count) { target in
      for index in more.indices { target.append(more[index]) }
    }
  }
}
