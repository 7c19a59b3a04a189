import Testing
import Wire

@Suite struct BytesTests {
  @Test func `a slice counts its offsets from its own start`() {
    let bytes: Bytes = [0, 1, 2, 3, 4, 5]
    let slice = bytes[2..<5]
    #expect(slice == [2, 3, 4])
    #expect(slice[0] == 2)
    #expect(slice.suffix(from: 1) == [3, 4])
    #expect(slice[1..<2] == [3])
    #expect(slice.prefix(9) == slice)
  }

  @Test func `equal bytes from different storage are equal and hash alike`() {
    let whole: Bytes = [9, 7, 7, 9]
    #expect(Set([whole[1..<3], Bytes([7, 7])]).count == 1)
  }

  @Test(
    arguments: [
      ("", Bytes()), ("00ff", [0, 255]), ("aBCd", [0xAB, 0xCD]), ("0", nil), ("0g", nil),
      (" 00", nil),
    ] as [(String, Bytes?)]
  )
  func `hexadecimal is read strictly`(text: String, expected: Bytes?) {
    #expect(Bytes(hex: text) == expected)
  }

  @Test func `hexadecimal is written in lower case`() {
    #expect(hex([0, 10, 255]) == "000aff")
    #expect(Bytes([UInt8](repeating: 1, count: 33)).description.hasSuffix("01… (33 bytes)"))
  }

  @Test func `invalid UTF-8 is replaced`() {
    #expect(Bytes([0x61, 0xFF]).text == "a\u{FFFD}")
  }
}

@Suite struct ByteReaderTests {
  @Test func `integers are big-endian`() throws {
    var reader = ByteReader([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18])
    #expect(try reader.readUInt8() == 1)
    #expect(try reader.readUInt16() == 0x0203)
    #expect(try reader.readUInt24() == 0x040506)
    #expect(try reader.readUInt32() == 0x0708_090A)
    #expect(try reader.readUInt64() == 0x0B0C_0D0E_0F10_1112)
    #expect(reader.isAtEnd)
  }

  @Test(arguments: 1...8) func `a short integer is truncated and takes nothing`(width: Int) throws {
    var reader = ByteReader(Bytes([UInt8](repeating: 1, count: width - 1)))
    #expect(throws: DecodeError.truncated) { try reader.readBigEndian(width) }
    #expect(reader.remaining == width - 1)
  }

  @Test(arguments: [-1, 4, Int.max]) func `counts outside the input are truncated`(count: Int) {
    var reader = ByteReader([1, 2, 3])
    #expect(throws: DecodeError.truncated) { try reader.readBytes(count) }
    #expect(throws: DecodeError.truncated) { try reader.skip(count) }
    #expect(reader.position == 0)
  }

  @Test func `the rest is what was not taken`() throws {
    var reader = ByteReader([1, 2, 3])
    try reader.skip(1)
    #expect(reader.peek == 2)
    #expect(reader.readRest() == [2, 3])
    #expect(reader.peek == nil)
  }
}

@Suite struct ByteWriterTests {
  @Test func `what is written reads back`() throws {
    var writer = ByteWriter()
    writer.write(UInt8(1))
    writer.write(UInt16(0x0203))
    writer.write(UInt32(0x0405_0607))
    writer.write(UInt64(0x0809_0A0B_0C0D_0E0F))
    writer.write(Int16(-2))
    writer.write(Int32(-2))
    writer.writeBigEndian(0x01_0203, width: 3)
    writer.write(utf8: "é")
    writer.write([7, 8] as Bytes)
    #expect(
      hex(writer.array) == "0102030405060708090a0b0c0d0e0f" + "fffe" + "fffffffe" + "010203"
        + "c3a9" + "0708"
    )
  }

  @Test func `earlier bytes can be patched`() {
    var writer = ByteWriter()
    writer.write(UInt64(0))
    writer.overwrite(UInt32(0xDEAD_BEEF), at: 1)
    writer.overwrite(UInt16(0x0102), at: 6)
    #expect(writer.bytes == [0, 0xDE, 0xAD, 0xBE, 0xEF, 0, 1, 2])
  }
}
