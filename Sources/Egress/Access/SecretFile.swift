internal import LinuxIO
internal import Wire

/// Files of secrets, one a line.
enum SecretFile {
  /// The largest, in bytes.
  private static let byteLimit = 65_536

  /// Reads a file that a key of the configuration names.
  static func read(_ path: String, _ key: String) throws(ConfigurationError) -> Bytes {
    do throws(SystemError) {
      return try FileContent.read(path, limit: byteLimit)
    } catch {
      throw ConfigurationError("\(key): \(error)")
    }
  }

  /// Lines with their numbers, without blanks around them; none that is empty or begins with `#`.
  static func lines(_ file: Bytes) -> [(number: Int, text: Bytes)] {
    let blanks = Array(" \t\r".utf8)
    return file.slice.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .enumerated().compactMap { index, line in
        var line = line.drop(while: blanks.contains)
        while let last = line.last, blanks.contains(last) { line.removeLast() }
        guard let first = line.first, first != UInt8(ascii: "#") else { return nil }
        return (index + 1, Bytes(line))
      }
  }
}
