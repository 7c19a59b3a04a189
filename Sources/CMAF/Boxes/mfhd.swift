package import Wire

/// A fragment's ordinal number.
///
/// ISO/IEC 14496-12 §8.8.5.
package struct MovieFragmentHeader: Sendable, Hashable {
  package var sequenceNumber: UInt32

  package init(sequenceNumber: UInt32) { self.sequenceNumber = sequenceNumber }

  /// Numbers a fragment by nothing but its decode time, so that numbers ascend and everybody gives the
  /// same: its milliseconds and 1, modulo 2^32, which is 49 days.
  package init(decodeTime: Int64, timescale: UInt32) {
    let milliseconds = MediaTime(ticks: decodeTime, timescale: timescale).rounded(toScale: 1000)
    sequenceNumber = UInt32(truncatingIfNeeded: milliseconds) &+ 1
  }

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    _ = try fields.versionAndFlags()
    sequenceNumber = try fields.u32("sequence_number")
  }

  package func write(to writer: inout ByteWriter) {
    writer.fullBox("mfhd") { $0.write(sequenceNumber) }
  }
}
