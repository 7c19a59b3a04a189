package import Wire

/// One box as found: its header is decoded, its body is not.
package struct Box: Sendable, Hashable {
  package let type: FourCC
  /// The whole box, header included, sharing the input's storage.
  package let bytes: Bytes
  /// 8, or 16 with a 64-bit size; a `uuid` box's identifier counts as body.
  package let headerCount: Int
  /// Where the box starts in the outermost input.
  package let offset: Int
  /// How many boxes enclose this one.
  let depth: Int

  package var body: Bytes { bytes.suffix(from: headerCount) }

  /// Whether the box lasts to the end of its input because its size field is 0.
  var isOpen: Bool { (0..<4).allSatisfy { bytes[$0] == 0 } }

  /// This box with its size written out, so that something may follow it.
  var closed: Box {
    guard isOpen, let size = UInt32(exactly: bytes.count) else { return self }
    var writer = ByteWriter(reserving: bytes.count)
    writer.write(size)
    writer.write(bytes.suffix(from: 4))
    return Box(
      type: type,
      bytes: writer.bytes,
      headerCount: headerCount,
      offset: offset,
      depth: depth
    )
  }

  /// Takes the boxes inside this one, which begin `skipped` bytes into the body.
  func content(after skipped: Int = 0) throws(CMAFError) -> BoxReader {
    guard skipped <= bytes.count - headerCount else {
      throw .truncated(box: type, field: "body", offset: offset + bytes.count)
    }
    guard depth < Box.maximumDepth else {
      throw .limit(box: type, field: "depth", value: UInt64(depth), limit: UInt64(Box.maximumDepth))
    }
    let start = headerCount + skipped
    return BoxReader(bytes.suffix(from: start), offset: offset + start, depth: depth + 1)
  }

  /// The boxes inside this one, which begin `skipped` bytes into the body.
  package func children(after skipped: Int = 0) throws(CMAFError) -> [Box] {
    var reader = try content(after: skipped)
    var boxes: [Box] = []
    while let box = try reader.next() { boxes.append(box) }
    return boxes
  }

  /// The first child of a type; nil when there is none.
  package func child(_ type: FourCC) throws(CMAFError) -> Box? {
    try children().first { $0.type == type }
  }

  /// The first child of a type, which must be there.
  package func required(_ type: FourCC) throws(CMAFError) -> Box {
    guard let box = try child(type) else { throw .missing(box: type, parent: self.type) }
    return box
  }

  /// Deep enough for moov/trak/mdia/minf/stbl/stsd/encv/sinf/schi/tenc.
  private static let maximumDepth = 12
}

/// Takes the boxes of a run of bytes one after the other.
///
/// ISO/IEC 14496-12 §4.2.
package struct BoxReader: Sendable {
  private var reader: ByteReader
  private let base: Int
  private let depth: Int
  private var count = 0

  /// Reads boxes; `offset` is where the bytes start in the outermost input, for errors.
  package init(_ bytes: Bytes, offset: Int = 0) { self.init(bytes, offset: offset, depth: 0) }

  init(_ bytes: Bytes, offset: Int, depth: Int) {
    reader = ByteReader(bytes)
    base = offset
    self.depth = depth
  }

  /// Offset of the next box in the outermost input.
  package var offset: Int { base + reader.position }

  /// The next box, nil at the end; throws ``CMAFError/truncated(box:field:offset:)`` when it is not
  /// all there.
  package mutating func next() throws(CMAFError) -> Box? {
    guard !reader.isAtEnd else { return nil }
    let start = reader.position
    guard count < BoxReader.maximumBoxes else {
      throw .limit(
        box: nil,
        field: "boxes",
        value: UInt64(count),
        limit: UInt64(BoxReader.maximumBoxes)
      )
    }
    count += 1
    let header = try BoxHeader(reader.bytes, at: start, offset: base + start)
    let size: Int
    switch header.size {
    case .known(let value): size = value
    case .toEnd:
      // Only the last box of a file may have size 0.
      guard depth == 0 else {
        throw .invalid(box: header.type, field: "size", value: "0", offset: base + start)
      }
      size = reader.remaining
    }
    guard size <= reader.remaining else {
      throw .truncated(box: header.type, field: "body", offset: base + reader.bytes.count)
    }
    let bytes = reader.bytes[start..<start + size]
    do { try reader.skip(size) } catch { preconditionFailure("the size was compared") }
    return Box(
      type: header.type,
      bytes: bytes,
      headerCount: header.count,
      offset: base + start,
      depth: depth
    )
  }

  /// The most boxes of one container; a header or chunk has a few dozen.
  private static let maximumBoxes = 4096
}

/// The size and type at the start of a box.
struct BoxHeader {
  enum Size: Equatable {
    case known(Int)
    /// The box lasts to the end of the input.
    case toEnd
  }

  let type: FourCC
  let size: Size
  /// 8 or 16 bytes.
  let count: Int

  /// Reads the header at a position; `offset` is that position in the outermost input.
  init(_ bytes: Bytes, at position: Int, offset: Int) throws(CMAFError) {
    var reader = ByteReader(bytes.suffix(from: position))
    do {
      let small = try reader.readUInt32()
      type = FourCC(rawValue: try reader.readUInt32())
      var size = UInt64(small)
      var count = 8
      if small == 1 {
        size = try reader.readUInt64()
        count = 16
      }
      self.count = count
      if small == 0 {
        self.size = .toEnd
        return
      }
      guard size >= UInt64(count), let size = Int(exactly: size) else {
        throw CMAFError.invalid(box: type, field: "size", value: "\(size)", offset: offset)
      }
      self.size = .known(size)
    } catch let error as CMAFError {
      throw error
    } catch {
      throw .truncated(box: nil, field: "size or type", offset: offset + reader.position)
    }
  }
}
