import QUIC
import Testing
import Wire

@Suite struct HandshakeTests {
  @Test(arguments: [false, true])
  func `both sides learn the protocol`(isIPv6: Bool) throws {
    let link = try Fixture.link(isIPv6: isIPv6)
    link.run(for: .milliseconds(500), until: { link.serverConnection != nil })
    #expect(link.clientEvents == [.connected(alpn: "moqt-18")])
    #expect(link.serverEvents == [.connected(alpn: "moqt-18")])
  }
}
