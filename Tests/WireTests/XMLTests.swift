import FoundationEssentials
import Testing
import Wire
import XML

@Suite struct XMLWriterTests {
  @Test func `elements, attributes and text are escaped`() {
    var writer = XMLWriter()
    writer.start("a")
    writer.attribute("x", "<&\"'>")
    writer.element("b") { $0.text("1 < 2 & 3") }
    writer.element("c", [("d", "e")])
    writer.end()
    #expect(
      writer.finish().text == """
        <?xml version="1.0" encoding="UTF-8"?>
        <a x="&lt;&amp;&quot;'&gt;"><b>1 &lt; 2 &amp; 3</b><c d="e"/></a>

        """
    )
  }

  @Test func `open elements are closed at the end`() {
    var writer = XMLWriter(indentation: 2)
    writer.start("a")
    writer.start("b")
    #expect(
      writer.finish().text == """
        <?xml version="1.0" encoding="UTF-8"?>
        <a>
          <b/>
        </a>

        """
    )
  }

  @Test func `characters that XML can't carry are replaced`() throws {
    var writer = XMLWriter()
    writer.element("a", [("x", "1\u{0}2\u{8}3")]) { $0.text("é\u{FFFF}\u{1F600}") }
    let document = try XMLDocument(writer.finish())
    #expect(document.string("/a/@x") == "1\u{FFFD}2\u{FFFD}3")
    #expect(document.string("/a") == "é\u{FFFD}\u{1F600}")
  }
}

@Suite struct XMLDocumentTests {
  let text = Bytes(utf8: "<m:r xmlns:m='urn:m'><m:s t='1'/><m:s t='2'>x</m:s></m:r>")

  @Test func `XPath answers strings and counts`() throws {
    let document = try XMLDocument(text)
    let names = ["p": "urn:m"]
    #expect(document.count("//p:s", namespaces: names) == 2)
    #expect(document.string("//p:s[2]/@t", namespaces: names) == "2")
    #expect(document.strings("//p:s/@t", namespaces: names) == ["1", "2"])
    #expect(document.string("//p:none", namespaces: names) == "")
    #expect(document.count("1 + 1") == nil)
    #expect(document.string("sum(//p:s/@t)", namespaces: names) == "3")
  }

  @Test func `a document that is not well-formed names the line`() {
    #expect(throws: XMLError.self) { _ = try XMLDocument(Bytes()) }
    do throws(XMLError) {
      _ = try XMLDocument(Bytes(utf8: "<a>\n<b>\n</a>"))
      Issue.record("parsed")
    } catch {
      #expect(error.line == 3)
    }
  }

  @Test func `external entities stay unread`() throws {
    let document = try XMLDocument(
      Bytes(utf8: "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/hostname'>]><a>&e;</a>")
    )
    #expect(document.string("/a") == "")
  }
}

@Suite struct XMLSchemaTests {
  static let schema = """
    <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
      <xs:element name="a"><xs:complexType><xs:attribute name="n" type="xs:int" use="required"/>
      </xs:complexType></xs:element>
    </xs:schema>
    """

  @Test func `violations come with their lines`() throws {
    let url = FileManager.default.temporaryDirectory.appending(
      path: "moq-egress-\(UInt64.random(in: 0...UInt64.max)).xsd"
    )
    try Data(Self.schema.utf8).write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    let schema = try XMLSchema(path: url.path)
    #expect(schema.validate(Bytes(utf8: "<a n='1'/>")) == [])
    #expect(schema.validate(Bytes(utf8: "<a\n n='x'/>")).map(\.line).allSatisfy { $0 > 0 })
    #expect(!schema.validate(Bytes(utf8: "<a n='x'/>")).isEmpty)
    #expect(!schema.validate(Bytes(utf8: "<a>")).isEmpty)
  }

  @Test func `a missing schema is an error`() {
    #expect(throws: XMLError.self) { _ = try XMLSchema(path: "/nonexistent/schema.xsd") }
  }
}

@Suite struct XMLElementTests {
  @Test func `a document is read as values, in order`() throws {
    let element = try XMLElement(
      document: Bytes(
        utf8: """
          <?xml version="1.0"?>
          <m:r xmlns:m='urn:m' xmlns:x='urn:x'><!-- c -->
            <m:s t='1 &amp; 2' x:href='u'/>a<![CDATA[<b>]]>
            <s/>
          </m:r>
          """
      )
    )
    #expect(element.name == "r")
    #expect(element.namespace == "urn:m")
    #expect(element.text.split(whereSeparator: \.isWhitespace) == ["a<b>"])
    #expect(element.children.map(\.namespace) == ["urn:m", ""])
    #expect(element.children("s").count == 2)
    #expect(element.child("s")?["t"] == "1 & 2")
    #expect(element.child("s")?["href"] == nil)
    #expect(
      element.child("s")?.attributes.last
        == XMLAttribute(name: "href", namespace: "urn:x", value: "u")
    )
    #expect(element.children.map(\.line) == [3, 4])
  }

  @Test func `entities and document types are refused`() {
    let bomb = "<!DOCTYPE r [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><r x='&b;'>&b;</r>"
    #expect(throws: XMLError.self) { try XMLElement(document: Bytes(utf8: bomb)) }
    let file = "<!DOCTYPE r [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><r>&a;</r>"
    #expect(throws: XMLError.self) { try XMLElement(document: Bytes(utf8: file)) }
    #expect(throws: XMLError.self) { try XMLElement(document: Bytes(utf8: "<r>&a;</r>")) }
    // A comment may not hide one, and UTF-16 may not either.
    let wide = Array(bomb.utf16).flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    #expect(throws: XMLError.self) { try XMLElement(document: Bytes([0xFE, 0xFF] + wide)) }
  }

  @Test func `what is past a limit is refused`() throws {
    var limits = XMLElement.Limits()
    limits.depth = 2
    limits.elements = 3
    limits.attributes = 1
    limits.bytes = 40
    func read(_ text: String) throws -> XMLElement {
      try XMLElement(document: Bytes(utf8: text), limits: limits)
    }
    #expect(try read("<a><b x='1'/><b/></a>").children.count == 2)
    for text in [
      "<a><b><c/></b></a>", "<a><b/><b/><b/></a>", "<a x='1' y='2'/>",
      "<a>" + String(repeating: " ", count: 40) + "</a>",
    ] {
      #expect(throws: XMLError.self) { try read(text) }
    }
  }
}
