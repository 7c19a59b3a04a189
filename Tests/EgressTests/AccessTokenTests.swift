import FoundationEssentials
import HTTP
import TestSupport
import Testing
import Wire

@testable import Egress

/// Tokens, against those that Python has signed.
@Suite struct AccessTokenTests {
  private struct Vectors: Decodable {
    struct Case: Decodable {
      let key: String
      let expiry: Int64
      let prefix: String
      let token: String
    }
    let keys: [String: String]
    let cases: [Case]
  }

  private let vectors: Vectors
  private let ring: KeyRing

  init() throws {
    let file = try MediaFixture.bytes("Access/tokens.json")
    vectors = try JSONDecoder().decode(Vectors.self, from: Data(file.array))
    ring = try KeyRing(
      Bytes(utf8: vectors.keys.map { "\($0.key):\($0.value)" }.joined(separator: "\n"))
    )
  }

  private func path(_ text: String) throws -> [Bytes] { try Target(Bytes(utf8: text)).segments }

  private func refusal(_ token: String, _ path: String, now: Int64 = 0) -> AccessToken.Refusal? {
    do throws(AccessToken.Refusal) {
      let segments = (try? self.path(path)) ?? []
      try AccessToken(Bytes(utf8: token)).check(
        segments,
        ring,
        now: UTCTime(microseconds: now * 1_000_000)
      )
      return nil
    } catch {
      return error
    }
  }

  @Test func `tokens are what Python signs`() throws {
    for vector in vectors.cases {
      let key = try #require(ring[vector.key])
      let token = AccessToken.sign(
        prefix: vector.prefix,
        expiry: vector.expiry,
        keyID: vector.key,
        key: key
      )
      #expect(token == vector.token)
      let path = vector.prefix + (vector.prefix.hasSuffix("/") ? "x" : "/x")
      #expect(refusal(vector.token, path, now: vector.expiry - 1) == nil)
    }
  }

  @Test func `a token ends with its second`() {
    let vector = vectors.cases[0]
    #expect(refusal(vector.token, "/live/x", now: vector.expiry - 1) == nil)
    #expect(refusal(vector.token, "/live/x", now: vector.expiry) == .expired)
  }

  @Test(arguments: [
    ("/live/a/index.m3u8", true), ("/live/", true), ("/liv%65/a", true), ("/live", true),
    ("/livestock/a", false), ("/other/live/", false), ("/", false), ("/live%2Fa", false),
    ("/LIVE/a", false),
  ]) func `a prefix is of whole path segments`(_ path: String, _ isIn: Bool) {
    #expect(refusal(vectors.cases[0].token, path) == (isIn ? nil : .otherPath))
    #expect(refusal(vectors.cases[1].token, path) == nil)
  }

  @Test func `every changed character is noticed`() {
    let token = Array(vectors.cases[0].token)
    for index in token.indices {
      for other: Character in ["A", "x", "0", ".", "-", "=", "~"] where other != token[index] {
        var changed = token
        changed[index] = other
        let refusal = refusal(String(changed), "/live/x")
        #expect(refusal == .signature || refusal == .malformed, "\(String(changed))")
      }
    }
  }

  @Test func `who can't sign does not learn of expiry or path`() {
    #expect(refusal("2026-a.1.Lw.AAAA", "/x", now: 5) == .signature)
    #expect(refusal("nobody.1.Lw.AAAA", "/x", now: 5) == .signature)
    #expect(refusal("2026-a.1.Lw.", "/x") == .signature)
  }

  @Test(arguments: [
    "", ".", "...", "a.1.Lw", "a.1.Lw.AA.AA", "a.01.Lw.AA", "a.-1.Lw.AA", "a.+1.Lw.AA",
    "a.999999999999.Lw.AA", "a.1.bGl2ZQ.AA", "a.1.Lx.AA", "a.1.Lw==.AA", "a b.1.Lw.AA",
    "a.99999999999999999999.Lw.AA", "a.1.L2E_Yj1j.AA", "a.1.Ly4uLw.AA",
  ]) func `what is no token is malformed`(_ text: String) {
    #expect(refusal(text, "/") == .malformed)
  }

  @Test func `the longest token is read and one byte more is not`() {
    let head = "a.1.Lw."
    let longest = head + String(repeating: "A", count: AccessToken.byteLimit - head.utf8.count - 1)
    #expect(refusal(longest, "/") == .signature)
    #expect(refusal(longest + "AA", "/") == .malformed)
  }

  @Test func `20,000 mutated tokens are refused and trap nothing`() {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<20_000 {
      var text = Array(
        (vectors.cases.randomElement(using: &generator) ?? vectors.cases[0]).token.utf8
      )
      let original = text
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let index = Int.random(in: 0..<text.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: text[index] = .random(in: 0...255, using: &generator)
        case 1 where text.count > 1: text.remove(at: index)
        default: text.insert(.random(in: 0...255, using: &generator), at: index)
        }
      }
      guard text != original else { continue }
      do throws(AccessToken.Refusal) {
        try AccessToken(Bytes(text)).check([Bytes](), ring, now: UTCTime(microseconds: 0))
        Issue.record("\(text) is taken")
      } catch {
        #expect(error == .signature || error == .malformed)
      }
    }
  }

  @Test func `files of keys are read, and refused without their secrets`() throws {
    let ring = try KeyRing(Bytes(utf8: "# old\n\n a:0123456789abcdef \r\nb:::0123456789abcdef\n"))
    #expect(ring["a"] == Bytes(utf8: "0123456789abcdef"))
    #expect(ring["b"] == Bytes(utf8: "::0123456789abcdef"))
    for (file, message) in [
      ("", "0 keys"), ("a:short", "line 1: a secret has 16 bytes"),
      ("\na", "line 2 is not ID:SECRET"),
      ("a b:0123456789abcdef", "line 1 is not"),
      ("a:0123456789abcdef\na:0123456789abcdef", "line 2: there are two keys a"),
    ] {
      let error = #expect(throws: ConfigurationError.self) { try KeyRing(Bytes(utf8: file)) }
      #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
      #expect(error?.description.contains("0123456789") == false)
    }
  }
}
