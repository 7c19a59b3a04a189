package import Wire

extension ByteWriter {
  /// Appends one box: 32-bit size, type, then what `body` writes; traps past 4 GiB.
  ///
  /// ISO/IEC 14496-12 §4.2.
  package mutating func box(_ type: FourCC, _ body: (inout ByteWriter) -> Void) {
    let start = count
    write(UInt32(0))  // The size is known only after the body.
    write(type.rawValue)
    body(&self)
    overwrite(UInt32(count - start), at: start)
  }

  /// Appends one box whose body begins with a version and 24 flags.
  package mutating func fullBox(
    _ type: FourCC,
    version: UInt8 = 0,
    flags: UInt32 = 0,
    _ body: (inout ByteWriter) -> Void
  ) {
    box(type) { writer in
      writer.write(UInt32(version) << 24 | flags & 0xFF_FFFF)
      body(&writer)
    }
  }
}
