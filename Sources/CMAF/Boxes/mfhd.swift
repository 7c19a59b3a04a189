package import Wire

/// A fragment's ordinal number.
///
/// ISO/IEC 14496-12 §8.8.5.
package struct MovieFragmentHeader: Sendable, Hashable {
  package var sequenceNumber: UInt32

  package init(sequenceNumber: UInt32) { self.sequenceNumber = sequenceNumber }

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    _ = try fields.versionAndFlags()
    sequenceNumber = try fields.u32("sequence_number")
  }

  package func write(to writer: inout ByteWriter) {
    writer.fullBox("mfhd") { $0.write(sequenceNumber) }
  }
}
