package import CMAF
import FoundationEssentials
package import Wire

/// Files under `Fixtures`, found from this file's place in the package.
package enum MediaFixture {
  /// The bytes of `Fixtures/<path>`.
  package static func bytes(_ path: String) throws -> Bytes {
    Bytes([UInt8](try Data(contentsOf: URL(filePath: location(path)))))
  }

  /// The names in `Fixtures/<path>`, sorted; empty when there is no such folder.
  package static func names(_ path: String) throws -> [String] {
    guard FileManager.default.fileExists(atPath: location(path)) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: location(path)).sorted()
  }

  private static func location(_ path: String, file: String = #filePath) -> String {
    var components = file.split(separator: "/", omittingEmptySubsequences: false)
    components.removeLast(3)  // Tests/Support/<this file>
    return components.joined(separator: "/") + "/Fixtures/" + path
  }

  /// The path of `Fixtures/<path>`.
  package static func path(_ path: String) -> String { location(path) }

  /// A fragmented MP4 file of `Fixtures/CMAF`, by its name without `.mp4`.
  package static func cmaf(_ name: String) throws -> FragmentedMP4File {
    try FragmentedMP4File(bytes("CMAF/\(name).mp4"))
  }
}
