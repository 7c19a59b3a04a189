import Testing
import Wire

@testable import Preview

/// The preview page's files: all there, and nothing else asked for.
@Suite struct PreviewPageTests {
  private let preview = PreviewPage()

  /// What a text names between a prefix and the next quotation mark.
  private func names(in text: String, after prefix: String) -> [String] {
    text.split(separator: prefix).dropFirst().map { String($0.prefix { $0 != "\"" }) }
  }

  @Test func `the page loads files of its version, by names relative to itself`() {
    let text = preview.page.bytes.text
    let loaded =
      names(in: text, after: "href=\"preview/\(preview.version)/")
      + names(in: text, after: " src=\"preview/\(preview.version)/")
    #expect(loaded.sorted() == ["icon.svg", "page.js", "style.css"])
    #expect(!text.contains("{assets}"))
    for name in loaded { #expect(preview.assets[name] != nil) }
  }

  @Test func `every module that a module imports is there, and every file is used`() {
    var used: Set<String> = ["icon.svg", "page.js", "style.css"]
    for asset in preview.assets.values {
      for name in names(in: asset.bytes.text, after: "from \"./") {
        #expect(preview.assets[name]?.contentType == "text/javascript; charset=utf-8", "\(name)")
        used.insert(name)
      }
    }
    #expect(used == Set(preview.assets.keys))
  }

  @Test func `nothing comes from elsewhere, and nothing is put into the page as HTML`() {
    for file in Array(preview.assets.values) + [preview.page] {
      let text = file.bytes.text.replacing("http://www.w3.org/2000/svg", with: "")
      for word in [
        "http:", "https:", "//cdn", "@import", "innerHTML", "outerHTML", "insertAdjacentHTML",
        "document.write", "eval(", "style=\"", "onclick", "localStorage", "cookie",
      ] {
        #expect(!text.contains(word), "\(word) in \(file.name)")
      }
    }
  }
}
