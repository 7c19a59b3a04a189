import CMAF
import Wire

/// The elements of one LOCMAF object.
///
/// draft-einarsson-moq-locmaf §"Element sequence and dispatch".
enum LOCMAFObject {
  /// Boxes to be handed on as they are.
  case boxes(Bytes)
  case chunk(leading: [Bytes], isFull: Bool, properties: Bytes, media: Bytes)

  init(_ payload: Bytes) throws(RemuxDrop) {
    do throws(DecodeError) {
      self = try LOCMAFObject(reading: payload)
    } catch {
      throw .malformed("its elements: \(error)")
    }
  }

  private init(reading payload: Bytes) throws(DecodeError) {
    var reader = ByteReader(payload)
    var leading: [Bytes] = []
    while true {
      switch try reader.readVi64() {
      case 1:
        guard leading.count < 64 else { throw .invalid("more than 64 boxes before the moof") }
        leading.append(try Self.box(&reader))
      case 2:
        let properties = try Self.block(&reader)
        self = .chunk(
          leading: leading,
          isFull: true,
          properties: properties,
          media: reader.readRest()
        )
        return
      case 3:
        let properties = try Self.block(&reader)
        self = .chunk(
          leading: leading,
          isFull: false,
          properties: properties,
          media: reader.readRest()
        )
        return
      case 4 where leading.isEmpty:
        let boxes = reader.readRest()
        try Self.checkBoxes(boxes)
        self = .boxes(boxes)
        return
      case let type: throw .invalid("element type \(type) where none can be")
      }
    }
  }

  private static func block(_ reader: inout ByteReader) throws(DecodeError) -> Bytes {
    let count = try reader.readVi64()
    guard let count = Int(exactly: count) else { throw .truncated }
    return try reader.readBytes(count)
  }

  /// Gives a generic box its header.
  private static func box(_ reader: inout ByteReader) throws(DecodeError) -> Bytes {
    let body = try block(&reader)
    guard body.count >= 4, let size = UInt32(exactly: body.count + 4) else {
      throw .invalid("box_size \(body.count)")
    }
    var writer = ByteWriter(reserving: body.count + 4)
    writer.write(size)
    writer.write(body)
    return writer.bytes
  }

  private static func checkBoxes(_ bytes: Bytes) throws(DecodeError) {
    guard !bytes.isEmpty else { throw .invalid("no boxes") }
    var reader = ByteReader(bytes)
    while !reader.isAtEnd {
      let size = try reader.readUInt32()
      guard size >= 8 else { throw .invalid("a box of \(size) bytes") }
      try reader.skip(Int(size) - 4)
    }
  }
}
