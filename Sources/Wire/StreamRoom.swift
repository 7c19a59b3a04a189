/// Memory for a run of a stream's bytes whose length is known before it has come.
///
/// A reader makes it, and its transport may write what comes next straight into it, so that it is copied
/// once; a shared reference, as both add to it in turn.
package final class StreamRoom {
  /// What has come of the run.
  package private(set) var bytes: [UInt8] = []
  /// The length of the run.
  package let wanted: Int

  /// How much of a run memory is taken for, by what has come of it.
  private static let growth = 4

  /// Room for `wanted` bytes, at least 1; how many of them memory is taken for follows what comes.
  package init(wanted: Int) { self.wanted = wanted }

  /// How many bytes have yet to come.
  package var missing: Int { wanted - bytes.count }

  /// Takes memory for the whole run, for who has counted it.
  package func reserve() { bytes.reserveCapacity(wanted) }

  /// Adds what comes next of the run; returns how many of the bytes belong to it.
  package func append(_ more: Span<UInt8>) -> Int {
    Self.append(more, to: &bytes, wanted: wanted)
  }

  private static func append(_ more: Span<UInt8>, to bytes: inout [UInt8], wanted: Int) -> Int {
    let count = min(wanted - bytes.count, more.count)
    let total = bytes.count + count
    if bytes.capacity < total { bytes.reserveCapacity(min(wanted, growth * total)) }
    bytes.append(addingCapacity: count) { target in
      for index in 0..<count { target.append(more[index]) }
    }
    return count
  }

  /// Adds what comes next of the run; returns how many of the bytes belong to it.
  package func append(_ more: Bytes) -> Int { append(more.slice.span) }
}
