internal import CMAF
internal import Wire

extension MediaChunk {
  /// The bytes with other decode times, all else kept; nil when the time leaves what 62 bits hold, or the
  /// bytes are no chunk of the header.
  func bytes(movedByTicks ticks: Int64, under initSegment: InitSegment) -> Bytes? {
    moved(byTicks: ticks, under: initSegment)?.bytes
  }

  /// A copy that stands in for lost media at another time: its samples alone, as the producer's clock and
  /// events of the original are not its own.
  ///
  /// Nil where `bytes(movedByTicks:under:)` is nil.
  func standIn(at time: Int64, under initSegment: InitSegment) -> MediaChunk? {
    guard let moved = moved(byTicks: time - start, under: initSegment) else { return nil }
    var chunk = self
    chunk.start = time
    chunk.bytes = moved.bytes.suffix(from: moved.movieFragmentOffset)
    chunk.producerTime = nil
    chunk.isStandIn = true
    return chunk
  }

  private func moved(byTicks ticks: Int64, under initSegment: InitSegment) -> CMAFChunk? {
    guard let header = try? CMAFHeader(initSegment.bytes),
      let chunk = try? CMAFChunk.parse(bytes, header: header).first
    else { return nil }
    return try? chunk.shifted(byTicks: ticks, header: header)
  }
}
