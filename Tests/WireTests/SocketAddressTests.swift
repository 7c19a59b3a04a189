import Testing
import Wire

@Suite struct SocketAddressTests {
  @Test(arguments: [
    ("127.0.0.1:80", "127.0.0.1:80"), (":8080", "0.0.0.0:8080"), ("[::]:1", "[::]:1"),
    ("[::1]:443", "[::1]:443"), ("[2001:db8:0:0:1:0:0:1]:5", "[2001:db8::1:0:0:1]:5"),
    ("[2001:DB8::]:0", "[2001:db8::]:0"), ("[1:0:2:3:4:5:6:7]:9", "[1:0:2:3:4:5:6:7]:9"),
    ("[::ffff:192.0.2.1]:7", "[::ffff:c000:201]:7"), ("[1:2:3:4:5:6:7::]:7", "[1:2:3:4:5:6:7:0]:7"),
  ]) func `addresses are read and printed in canonical form`(text: String, printed: String) throws {
    let address = try #require(SocketAddress(text))
    #expect(address.description == printed)
    #expect(SocketAddress(address.description) == address)
  }

  @Test(arguments: [
    "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "256.0.0.1:1",
    "1.2.3:1",
    "1.2.3.4.5:1", "1..2.3:1", "+1.2.3.4:1", "localhost:1", "::1:80", "[::1]", "[::1:80", "[1:2]:3",
    "[::1::]:1", "[12345::]:1", "[1:2:3:4:5:6:7:8:9]:1", "[1:2:3:4:5:6:7:8::]:1", "[:1]:1",
    "[g::]:1", "[::+1]:1", "[1.2.3.4::]:1",
  ]) func `anything else is refused`(text: String) {
    #expect(SocketAddress(text) == nil)
  }

  @Test func `loopback is IPv4`() {
    #expect(SocketAddress.loopback(port: 9).description == "127.0.0.1:9")
  }
}
