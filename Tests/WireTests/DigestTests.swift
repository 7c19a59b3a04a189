import Compression
import Digest
import Testing
import Wire

@Suite struct SHA256Tests {
  /// The examples of FIPS 180-4 and the empty message.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ]) func `known messages have known digests`(message: String, digest: String) {
    #expect(hex(SHA256.digest(Bytes(utf8: message)).slice) == digest)
  }

  @Test func `a slice is hashed as itself`() {
    #expect(SHA256.digest(Bytes(utf8: "xabcx")[1..<4]) == SHA256.digest(Bytes(utf8: "abc")))
  }
}

@Suite struct GzipTests {
  /// Header without name, flags or time, so the bytes depend on the input and level alone.
  @Test func `the member header carries no time and no name`() {
    let member = gzip(Bytes(utf8: "hello hello hello hello"), level: 9)
    #expect(member.prefix(4) == [0x1F, 0x8B, 8, 0])
    #expect(member[4..<8] == [0, 0, 0, 0])
    #expect(member == gzip(Bytes(utf8: "hello hello hello hello"), level: 9))
  }

  @Test func `the trailer holds the checksum and length of the input`() {
    // CRC-32 of "123456789" is 0xCBF43926, little-endian in the trailer (RFC 1952 §2.3.1).
    let member = gzip(Bytes(utf8: "123456789"), level: 1)
    #expect(member.suffix(from: member.count - 8) == [0x26, 0x39, 0xF4, 0xCB, 9, 0, 0, 0])
  }

  @Test func `repetition shrinks and nothing is still a member`() {
    #expect(gzip(Bytes([UInt8](repeating: 7, count: 100_000)), level: 6).count < 300)
    #expect(gzip(Bytes(), level: 6).count == 20)
  }
}
