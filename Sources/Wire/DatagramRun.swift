/// Calls `body` with each of the datagrams that lie one after the other: of `size` bytes, the last maybe
/// shorter.
package func forEachDatagram(
  of datagrams: Span<UInt8>,
  ofSize size: Int,
  _ body: (Span<UInt8>) -> Void
) {
  precondition(size > 0, "datagrams of a run have a size")
  var offset = 0
  while offset < datagrams.count {
    let end = min(offset + size, datagrams.count)
    body(datagrams.extracting(offset..<end))
    offset = end
  }
}
