import Testing
import Wire

@testable import WebTransport

@Suite struct CodingTests {
  @Test func `a field section of RFC 9204 appendix B reads as it says`() throws {
    let section = try #require(Bytes(hex: "0000510b2f696e6465782e68746d6c"))
    let fields = try FieldCoder().decode(section, stream: 0, limits: WebTransportLimits())
    #expect(fields == [Field(":path", "/index.html")])
  }

  @Test func `a section that needs a table is refused`() throws {
    // RFC 9204 appendix B.2: two entries of the dynamic table.
    let section = try #require(Bytes(hex: "03811011"))
    #expect(throws: HTTP3Violation(.decompressionFailed, "a field section can't be read")) {
      try FieldCoder().decode(section, stream: 4, limits: WebTransportLimits())
    }
  }

  @Test func `what is encoded is decoded`() throws {
    let coder = FieldCoder()
    let fields = [
      Field(":status", "200"), Field("wt-protocol", "\"moqt-18\""), Field("empty", ""),
      Field("long", String(repeating: "x~ö", count: 1000)),
    ]
    let section = coder.encode(fields, stream: 0)
    #expect(try coder.decode(section, stream: 0, limits: WebTransportLimits()) == fields)
    for count in 0..<min(section.count, 40) {
      #expect(throws: HTTP3Violation.self) {
        try coder.decode(section.prefix(count), stream: 0, limits: WebTransportLimits())
      }
    }
  }

  @Test func `a field section is limited by fields and by size`() throws {
    let coder = FieldCoder()
    var limits = WebTransportLimits()
    limits.fields = 3
    limits.fieldSectionBytes = 3 * 36
    let fits = [Field("aa", "bb"), Field("aa", "bb"), Field("aa", "bb")]
    #expect(try coder.decode(coder.encode(fits, stream: 0), stream: 0, limits: limits) == fits)
    for fields in [fits + [Field("a", "")], Array(fits.dropLast()) + [Field("aa", "bbb")]] {
      #expect(throws: HTTP3Violation(.excessiveLoad, "a field section is too large")) {
        try coder.decode(coder.encode(fields, stream: 0), stream: 0, limits: limits)
      }
    }
  }

  @Test(
    arguments: [
      (0, 0x52e4_a40f_a8db), (1, 0x52e4_a40f_a8dc), (0x1d, 0x52e4_a40f_a8f8),
      (0x1e, 0x52e4_a40f_a8fa), (0xffff_ffff, 0x52e5_ac98_3162),
    ] as [(UInt32, UInt64)]
  )
  func `codes skip those that HTTP/3 reserves`(_ code: UInt32, _ wire: UInt64) {
    #expect(ApplicationErrorCode.encode(code) == wire)
    #expect(ApplicationErrorCode.decode(wire) == code)
  }

  @Test(arguments: [
    0, 0x10c, 0x52e4_a40f_a8da, 0x52e4_a40f_a8f9, 0x52e5_ac98_3163, UInt64.max,
  ])
  func `other codes are nobody's`(_ wire: UInt64) {
    #expect(ApplicationErrorCode.decode(wire) == nil)
  }

  @Test(
    arguments: [
      (#""moqt-18", "moqt-16""#, ["moqt-18", "moqt-16"]), ("", []), ("  ", []),
      (#" "a";q=1;x;b=?0;c=:aGk=:;d=tok/en;e="s";f=-1.5;g=@12 ,  "b""#, ["a", "b"]),
      (#""a\"\\b""#, [#"a"\b"#]), ("\"a\"\t,\t\"b\"", ["a", "b"]), ("\"\"", [""]),
      (#""a", "#, nil), (#""a" "b""#, nil), ("moqt-18", nil), (#""a", b"#, nil), (#""a"#, nil),
      (#""a\n""#, nil), (#"("a" "b")"#, nil), (#""a", 1"#, nil), (#""a";Q"#, nil),
      (#""a";q="#, nil), (#","#, nil), ("\"\u{e9}\"", nil), (#""a";q=?2"#, nil),
      (#""a";q=1234567890123456"#, nil), (#""a";q=1."#, nil),
    ] as [(String, [String]?)]
  )
  func `lists of strings are read by RFC 9651`(_ text: String, _ strings: [String]?) {
    #expect(StructuredField.strings(text) == strings)
  }

  @Test(
    arguments: [
      (#""moqt-18""#, "moqt-18"), (#"  "a";p=1  "#, "a"), ("moqt-18", nil), ("", nil),
      (#""a", "b""#, nil), (#""a" x"#, nil),
    ] as [(String, String?)]
  )
  func `one string is read by RFC 9651`(_ text: String, _ string: String?) {
    #expect(StructuredField.string(text) == string)
  }

  @Test func `strings are escaped`() {
    #expect(StructuredField.serialize(["a", #"b"\"#]) == #""a", "b\"\\""#)
  }
}
