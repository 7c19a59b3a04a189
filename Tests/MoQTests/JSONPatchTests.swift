import Testing
import Wire

@testable import MoQ

/// Patches of a catalog's text, by the examples of RFC 6902 (appendix A) and RFC 7396 (appendix A).
@Suite struct JSONPatchTests {
  private func json(_ text: String) throws -> JSONValue {
    try #require(JSONValue(parsing: Bytes(utf8: text)), "\(text)")
  }

  private func patched(
    _ document: String,
    _ patch: String,
    limits: JSONPatch.Limits = JSONPatch.Limits()
  ) throws -> JSONValue {
    let patch = try #require(try JSONPatch(try json(patch), limits: limits))
    return try patch.applied(to: try json(document), limits: limits)
  }

  @Test(arguments: [
    (
      #"{"foo":"bar"}"#, #"[{"op":"add","path":"/baz","value":"qux"}]"#,
      #"{"baz":"qux","foo":"bar"}"#
    ),
    (
      #"{"foo":["bar","baz"]}"#, #"[{"op":"add","path":"/foo/1","value":"qux"}]"#,
      #"{"foo":["bar","qux","baz"]}"#
    ),
    (#"{"baz":"qux","foo":"bar"}"#, #"[{"op":"remove","path":"/baz"}]"#, #"{"foo":"bar"}"#),
    (
      #"{"foo":["bar","qux","baz"]}"#, #"[{"op":"remove","path":"/foo/1"}]"#,
      #"{"foo":["bar","baz"]}"#
    ),
    (
      #"{"baz":"qux","foo":"bar"}"#, #"[{"op":"replace","path":"/baz","value":"boo"}]"#,
      #"{"baz":"boo","foo":"bar"}"#
    ),
    (
      #"{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}"#,
      #"[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]"#,
      #"{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}"#
    ),
    (
      #"{"foo":["all","grass","cows","eat"]}"#, #"[{"op":"move","from":"/foo/1","path":"/foo/3"}]"#,
      #"{"foo":["all","cows","eat","grass"]}"#
    ),
    (
      #"{"baz":"qux","foo":["a",2,"c"]}"#,
      #"[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]"#,
      #"{"baz":"qux","foo":["a",2,"c"]}"#
    ),
    (
      #"{"foo":"bar"}"#, #"[{"op":"add","path":"/child","value":{"grandchild":{}}}]"#,
      #"{"foo":"bar","child":{"grandchild":{}}}"#
    ),
    (#"{"/":9,"~1":10}"#, #"[{"op":"test","path":"/~01","value":10}]"#, #"{"/":9,"~1":10}"#),
    (
      #"{"foo":["bar"]}"#, #"[{"op":"add","path":"/foo/-","value":["abc","def"]}]"#,
      #"{"foo":["bar",["abc","def"]]}"#
    ),
    (
      #"{"foo":1}"#,
      #"[{"op":"copy","from":"/foo","path":"/bar"},{"op":"add","path":"/foo","value":null}]"#,
      #"{"foo":null,"bar":1}"#
    ),
    (#"{"foo":1}"#, #"[{"op":"replace","path":"","value":[1]}]"#, "[1]"),
  ])
  func `operations do what the RFC shows`(
    _ document: String,
    _ patch: String,
    _ result: String
  ) throws {
    #expect(try patched(document, patch) == json(result))
  }

  @Test(arguments: [
    (#"{"foo":"bar"}"#, #"[{"op":"add","path":"/baz/bat","value":"qux"}]"#),
    (#"{"baz":"qux"}"#, #"[{"op":"test","path":"/baz","value":"bar"}]"#),
    (#"{"/":9,"~1":10}"#, #"[{"op":"test","path":"/~01","value":"10"}]"#),
    (#"{"foo":["a"]}"#, #"[{"op":"add","path":"/foo/2","value":1}]"#),
    (#"{"foo":["a"]}"#, #"[{"op":"remove","path":"/foo/01"}]"#),
    (#"{"foo":["a"]}"#, #"[{"op":"replace","path":"/foo/-","value":1}]"#),
    (#"{"foo":{"a":1}}"#, #"[{"op":"move","from":"/foo","path":"/foo/a"}]"#),
    (#"{"foo":1}"#, #"[{"op":"remove","path":""}]"#),
    (#"{"foo":1}"#, #"[{"op":"copy","from":"/bar","path":"/foo"}]"#),
    (#"{"foo":1}"#, #"[{"op":"swap","path":"/foo"}]"#),
    (#"{"foo":1}"#, #"[{"op":"add","path":"foo","value":1}]"#),
    (#"{"foo":1}"#, #"[{"op":"add","value":1}]"#),
    (#"{"foo":1}"#, #"[{"op":"remove","path":"/foo"},{"path":"/foo"}]"#),
  ])
  func `what can't be done is refused`(_ document: String, _ patch: String) throws {
    #expect(throws: CatalogError.self) { try patched(document, patch) }
  }

  @Test(arguments: [
    (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
    (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
    (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
    (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
    (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
    (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
    (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
    (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
    (#"{}"#, #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
  ])
  func `merge patches do what the RFC shows`(
    _ document: String,
    _ patch: String,
    _ result: String
  ) throws {
    let merged = try JSONPatch.merge(try json(patch)).applied(
      to: try json(document),
      limits: JSONPatch.Limits()
    )
    #expect(try merged == json(result))
  }

  @Test func `a patch can't make a document grow past its limits`() throws {
    var limits = JSONPatch.Limits()
    limits.operations = 20
    limits.values = 100
    limits.depth = 6
    let copy = #"{"op":"copy","from":"/a","path":"/a/-"}"#
    // Each copy doubles the values: 1, 2, 4 … and adds a level.
    func copies(_ count: Int) -> String {
      "[" + [String](repeating: copy, count: count).joined(separator: ",") + "]"
    }
    #expect(throws: Never.self) { try patched(#"{"a":[]}"#, copies(4), limits: limits) }
    #expect(throws: CatalogError.self) { try patched(#"{"a":[]}"#, copies(5), limits: limits) }
    limits.depth = 100
    #expect(throws: Never.self) { try patched(#"{"a":[]}"#, copies(6), limits: limits) }
    #expect(throws: CatalogError.self) { try patched(#"{"a":[]}"#, copies(7), limits: limits) }
    limits.values = .max
    #expect(throws: CatalogError.self) { try patched(#"{"a":[]}"#, copies(21), limits: limits) }
  }
}
