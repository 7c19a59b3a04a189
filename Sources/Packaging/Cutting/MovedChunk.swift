internal import CMAF
internal import Wire

extension MediaChunk {
  /// The bytes with other decode times, all else kept; nil when the time leaves what 62 bits hold, or the
  /// bytes are no chunk of the header.
  func bytes(movedByTicks ticks: Int64, under initSegment: InitSegment) -> Bytes? {
    guard let header = try? CMAFHeader(initSegment.bytes) else { return nil }
    return moved(byTicks: ticks, header: header)?.bytes
  }

  /// A copy that stands in for lost media at another time: its samples alone, as the producer's clock and
  /// events of the original are not its own.
  ///
  /// `place` counts from 1 what was lost since this chunk: publishers number their chunks in order. Nil
  /// where `bytes(movedByTicks:under:)` is nil.
  func standIn(at time: Int64, place: Int, under initSegment: InitSegment) -> MediaChunk? {
    guard let header = try? CMAFHeader(initSegment.bytes),
      let moved = moved(byTicks: time - start, header: header),
      let numbered = try? moved.numbered(
        moved.sequenceNumber &+ UInt32(truncatingIfNeeded: place),
        header: header
      )
    else { return nil }
    var chunk = self
    chunk.start = time
    chunk.bytes = numbered.bytes.suffix(from: numbered.movieFragmentOffset)
    chunk.firstSampleEnd = numbered.firstSampleEnd - numbered.movieFragmentOffset
    chunk.producerTime = nil
    chunk.eventStreams = []
    chunk.isStandIn = true
    return chunk
  }

  private func moved(byTicks ticks: Int64, header: CMAFHeader) -> CMAFChunk? {
    guard let chunk = try? CMAFChunk.parse(bytes, header: header).first else { return nil }
    return try? chunk.shifted(byTicks: ticks, header: header)
  }
}
