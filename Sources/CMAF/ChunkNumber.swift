import Wire

extension CMAFChunk {
  /// This chunk with another sequence number, all other bytes kept.
  ///
  /// ISO/IEC 14496-12 §8.8.5.
  package func numbered(_ sequenceNumber: UInt32, header: CMAFHeader) throws(CMAFError) -> CMAFChunk
  {
    guard sequenceNumber != self.sequenceNumber else { return self }
    var reader = BoxReader(bytes.suffix(from: movieFragmentOffset), offset: movieFragmentOffset)
    guard let fragment = try reader.next() else { throw .missing(box: "moof", parent: nil) }
    let number = try fragment.required("mfhd")
    var writer = ByteWriter(reserving: bytes.count)
    writer.write(bytes)
    // After version and flags.
    writer.overwrite(sequenceNumber, at: number.offset + number.headerCount + 4)
    return try CMAFChunk(writer.bytes, offset: 0, header: header)
  }
}
