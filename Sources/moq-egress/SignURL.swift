import ArgumentParser
import Egress
import LinuxIO
import Wire

/// Signs URLs for one viewer.
struct SignURL: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print URLs signed for one viewer, by a key of access.token-keys."
  )

  @Option(help: "File of ID:SECRET lines.")
  var keys: String
  @Option(help: "The ID of the key to sign by.")
  var key: String
  @Option(help: "The path that is allowed, with all under it, such as /live/.")
  var prefix: String
  @Option(help: "Seconds from now until when requests may begin.")
  var expiresIn: Int
  @Flag(help: "Put the token into the query, for clients that add it to every URL themselves.")
  var query = false
  @Argument(help: "URLs, or paths, under the prefix.")
  var urls: [String]

  func run() throws {
    try reporting {
      guard (1...Self.longest).contains(expiresIn) else {
        throw Failure(.usage, "--expires-in is a number of seconds from 1 to \(Self.longest)")
      }
      do {
        let signer = try URLSigner(file: keys, keyID: key)
        let expiry = Clock.utc.microseconds / 1_000_000 + Int64(expiresIn)
        for url in urls {
          let signed = try signer.sign(
            url,
            prefix: prefix,
            expiry: expiry,
            in: query ? .query : .path
          )
          StandardOutput().write(signed + "\n")
        }
      } catch let error as ConfigurationError {
        throw Failure(.data, error.description)
      }
    }
  }

  /// Ten years.
  private static let longest = 315_360_000
}
