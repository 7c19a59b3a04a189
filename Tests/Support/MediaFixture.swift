package import CMAF
import FoundationEssentials
package import Wire

/// Files under `Fixtures`, found from this file's place in the package.
package enum MediaFixture {
  /// The bytes of `Fixtures/<path>`.
  package static func bytes(_ path: String, file: String = #filePath) throws -> Bytes {
    var components = file.split(separator: "/", omittingEmptySubsequences: false)
    components.removeLast(3)  // Tests/Support/<this file>
    let name = components.joined(separator: "/") + "/Fixtures/" + path
    return Bytes([UInt8](try Data(contentsOf: URL(filePath: name))))
  }

  /// A fragmented MP4 file of `Fixtures/CMAF`, by its name without `.mp4`.
  package static func cmaf(_ name: String) throws -> FragmentedMP4File {
    try FragmentedMP4File(bytes("CMAF/\(name).mp4"))
  }
}
