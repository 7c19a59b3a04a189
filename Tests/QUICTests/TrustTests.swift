import FoundationEssentials
import QUIC
import Testing
import Wire

@Suite struct TrustTests {
  private func outcome(
    _ trust: TrustPolicy,
    serverName: String = "localhost",
    names: [String] = ["localhost"],
    certificate: SelfSignedCertificate? = nil
  ) throws -> QUICEvent? {
    let certificate = try certificate ?? Fixture.certificate(names: names)
    let link = try Fixture.link(
      certificate: certificate,
      trust: trust,
      serverName: serverName
    )
    link.run(for: .milliseconds(2000), until: { !link.clientEvents.isEmpty })
    return link.clientEvents.first
  }

  /// Runs `body` with the path of a file that holds the text.
  private func withFile<Result>(_ text: String, _ body: (String) throws -> Result) throws -> Result
  {
    let file = FileManager.default.temporaryDirectory.appending(path: "trust-\(UUID()).pem")
    try Data(text.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    return try body(file.path)
  }

  @Test func `insecure believes anybody`() throws {
    #expect(try outcome(.insecure) == .connected(alpn: "moqt-18"))
  }

  @Test func `a pinned certificate is believed`() throws {
    let certificate = try Fixture.certificate()
    let pin = try ServerCredentials(certificate).fingerprint
    #expect(pin.count == 32)
    let first = try outcome(
      .fingerprints([Bytes([UInt8](repeating: 0, count: 32)), pin]),
      certificate: certificate
    )
    #expect(first == .connected(alpn: "moqt-18"))
  }

  @Test func `another certificate than the pinned one is refused by its digest`() throws {
    let certificate = try Fixture.certificate()
    let pin = try ServerCredentials(certificate).fingerprint
    let other = Bytes([UInt8](repeating: 0xab, count: 32))
    let first = try outcome(.fingerprints([other]), certificate: certificate)
    let text = "SHA-256 fingerprint \(hex(pin.slice)) is not one of those pinned"
    #expect(first == .closed(.certificateRefused(text)))
  }

  @Test func `a certificate of a file's authority is believed for its names`() throws {
    let certificate = try Fixture.certificate(names: ["origin.example", "127.0.0.1", "::1"])
    try withFile(certificate.certificatePEM) { path in
      for name in ["origin.example", "127.0.0.1", "::1"] {
        let first = try outcome(.caFile(path), serverName: name, certificate: certificate)
        #expect(first == .connected(alpn: "moqt-18"), "\(name)")
      }
    }
  }

  @Test func `a certificate for another name is refused with a reason`() throws {
    let certificate = try Fixture.certificate(names: ["origin.example"])
    try withFile(certificate.certificatePEM) { path in
      for name in ["elsewhere.example", "127.0.0.1"] {
        let first = try outcome(.caFile(path), serverName: name, certificate: certificate)
        guard case .closed(.certificateRefused(let text)) = first else {
          Issue.record("\(String(describing: first))")
          return
        }
        #expect(text.contains("name in the certificate does not match"), "\(text)")
      }
    }
  }

  @Test func `a certificate of another authority is refused with a reason`() throws {
    let other = try Fixture.certificate()
    try withFile(other.certificatePEM) { path in
      guard case .closed(.certificateRefused(let text)) = try outcome(.caFile(path)) else {
        Issue.record("it was believed")
        return
      }
      #expect(text.contains("NOT trusted"), "\(text)")
    }
  }

  @Test func `the system's roots don't vouch for a self-signed certificate`() throws {
    guard case .closed(.certificateRefused) = try outcome(.systemRoots) else {
      Issue.record("it was believed")
      return
    }
  }

  @Test func `the server learns that its certificate was refused`() throws {
    let link = try Fixture.link(trust: .fingerprints([Bytes([UInt8](repeating: 1, count: 32))]))
    link.run(for: .milliseconds(2000))
    #expect(link.serverEvents == [])
    #expect(link.server.connectionCount == 0)
  }

  @Test func `files that can't be read are named`() throws {
    #expect(
      throws: QUICError.credentials("/nowhere/ca.pem: Error while reading file.")
    ) { try ClientCredentials(.caFile("/nowhere/ca.pem")) }
    #expect(
      throws: QUICError.credentials(
        "/nowhere/c.pem with key /nowhere/k.pem: Error while reading file."
      )
    ) {
      try ServerCredentials(certificateFile: "/nowhere/c.pem", keyFile: "/nowhere/k.pem")
    }
    #expect(throws: QUICError.credentials("fingerprint of 3 bytes: SHA-256 has 32")) {
      try ClientCredentials(.fingerprints([[1, 2, 3]]))
    }
  }

  @Test func `a certificate and key are loaded from files`() throws {
    let certificate = try Fixture.certificate()
    try withFile(certificate.certificatePEM) { certificateFile in
      try withFile(certificate.keyPEM) { keyFile in
        let loaded = try ServerCredentials(certificateFile: certificateFile, keyFile: keyFile)
        #expect(try loaded.fingerprint == ServerCredentials(certificate).fingerprint)
      }
    }
  }
}
