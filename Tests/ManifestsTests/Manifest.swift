import Manifests
import Packaging
import Wire
import XML

/// An MPD as XPath sees it.
struct Manifest: ~Copyable {
  private let document: XMLDocument
  let bytes: Bytes

  init(
    _ snapshot: PresentationSnapshot,
    of unit: MediaPresentation.Unit = .segment,
    publishTime: Int64 = 1_795_000_030_000_000
  ) throws {
    bytes = MediaPresentation(
      snapshot,
      of: unit,
      timeURL: "http://origin.example/time",
      publishTime: UTCTime(microseconds: publishTime)
    ).render()
    document = try XMLDocument(bytes)
  }

  private static let namespaces = ["m": "urn:mpeg:dash:schema:mpd:2011"]

  func strings(_ path: String) -> [String] {
    document.strings(path, namespaces: Self.namespaces) ?? ["the XPath is wrong: \(path)"]
  }

  func string(_ path: String) -> String { strings(path).first ?? "" }
  func count(_ path: String) -> Int { document.count(path, namespaces: Self.namespaces) ?? -1 }

  var periodCount: Int { count("/m:MPD/m:Period") }

  /// Seconds of an `xs:duration` of the form PT1.5S, in milliseconds.
  static func milliseconds(_ text: String) -> Int64 {
    guard text.hasPrefix("PT"), text.hasSuffix("S") else { return -1 }
    let parts = text.dropFirst(2).dropLast().split(separator: ".")
    guard let whole = parts.first.flatMap({ Int64($0) }) else { return -1 }
    guard parts.count == 2 else { return whole * 1000 }
    guard parts[1].count == 3, let fraction = Int64(parts[1]) else { return -1 }
    return whole * 1000 + fraction
  }

  /// One Representation's segments: the S elements expanded.
  func segments(period: Int, id: String) -> [(start: Int64, duration: Int64)] {
    let base = "/m:MPD/m:Period[\(period)]//m:Representation[@id='\(id)']//m:S"
    var list: [(start: Int64, duration: Int64)] = []
    for index in 0..<max(count(base), 0) {
      let path = "(\(base))[\(index + 1)]"
      guard let duration = Int64(string(path + "/@d")) else { return [] }
      var start = Int64(string(path + "/@t")) ?? (list.last.map { $0.start + $0.duration } ?? 0)
      let repeats = strings(path + "/@r").first.flatMap { Int64($0) } ?? 0
      guard repeats >= 0 else { return [] }
      for _ in 0...repeats {
        list.append((start, duration))
        start += duration
      }
    }
    return list
  }
}
