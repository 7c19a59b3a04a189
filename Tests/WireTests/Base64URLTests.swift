import Digest
import Testing
import Wire

@Suite struct Base64URLTests {
  /// RFC 4648 §10, without padding.
  @Test(arguments: [
    ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
    ("foobar", "Zm9vYmFy"),
  ]) func `known texts`(_ plain: String, _ encoded: String) {
    #expect(Base64URL.encode(Bytes(utf8: plain)) == encoded)
    #expect(Base64URL.decode(encoded.utf8) == Bytes(utf8: plain))
  }

  @Test func `every byte comes back, by the alphabet of URLs`() {
    let all = Bytes(Array(0...255))
    let text = Base64URL.encode(all)
    #expect(text.contains("-") && text.contains("_") && !text.contains("+"))
    #expect(Base64URL.decode(text.utf8) == all)
  }

  @Test(arguments: ["A", "AB", "Zh", "Zg=", "Z g", "Zg+", "ZgB", "AAAAA"])
  func `bytes have one spelling`(_ text: String) {
    #expect(Base64URL.decode(text.utf8) == nil)
  }
}

@Suite struct HMACTests {
  /// RFC 4231 §4.2, 4.3 and 4.7: a key, a short key, a key longer than a block.
  @Test(arguments: [
    (
      [UInt8](repeating: 0x0B, count: 20), "Hi There",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    ),
    (
      Array("Jefe".utf8), "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    ),
    (
      [UInt8](repeating: 0xAA, count: 131),
      "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    ),
    ([], "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
  ]) func `known messages have known codes`(_ key: [UInt8], _ message: String, _ code: String) {
    #expect(hex(HMAC.sha256(Bytes(utf8: message), key: Bytes(key)).slice) == code)
  }

  @Test func `equal bytes are equal, others are not`() {
    let bytes: Bytes = [1, 2, 3]
    #expect(bytes.isEqualInConstantTime(to: [1, 2, 3]))
    #expect(!bytes.isEqualInConstantTime(to: [1, 2, 4]))
    #expect(!bytes.isEqualInConstantTime(to: [1, 2]))
    #expect(Bytes().isEqualInConstantTime(to: Bytes()))
    #expect(!Bytes().isEqualInConstantTime(to: [0]))
  }
}
