internal import CMAF
internal import HTTP
internal import Manifests
internal import Packaging
internal import Wire

/// Cache-Control by kind of answer.
///
/// rfc8216bis Appendix B; whole seconds.
struct CachePolicy {
  private let targetDuration: Int
  private let windowSeconds: Int
  private let segmentSeconds: Int
  /// A held reload's answer stays an answer to its URL.
  let blockingPlaylist: String

  init(_ constants: PresentationSnapshot.Constants) {
    targetDuration = constants.targetDuration
    windowSeconds = Int(constants.window.nanoseconds / 1_000_000_000)
    segmentSeconds = Int(constants.segmentLength.rounded(toScale: 1))
    blockingPlaylist = "public, max-age=\(6 * targetDuration)"
  }

  /// Immutable media: as long as any playlist may list it, and half a minute at least.
  var media: String {
    "public, max-age=\(max(6 * targetDuration, windowSeconds + 3 * targetDuration)), immutable"
  }

  /// Half a target duration, also of what is over: it may begin again under its name.
  var plainPlaylist: String { "public, max-age=\(max(1, targetDuration / 2))" }

  var multivariant: String { "public, max-age=\(max(1, targetDuration))" }
  /// RFC 9213: what lists renditions hardly changes, so that a CDN that knows the field may go on with an
  /// old one while it asks for another, and for ten minutes when it gets none.
  var multivariantInCaches: Bytes {
    let seconds = max(1, targetDuration)
    return ResponseHead.line(
      "CDN-Cache-Control",
      "max-age=\(seconds), stale-while-revalidate=\(seconds), stale-if-error=600"
    )
  }
  var manifest: String { "public, max-age=\(max(1, segmentSeconds / 2))" }

  /// What does not exist yet: soon it may.
  static let soon = "public, max-age=1"

  /// A segment that is not the next: where the next but one comes within two seconds, a cache that counts
  /// whole ones would have a 404 for longer.
  var comingMedia: String { segmentSeconds < 2 ? Self.never : Self.soon }

  /// What has left the window, or was lost on its way here: another bridge may still have it, so no
  /// longer than a target duration.
  var gone: String { "public, max-age=\(max(1, targetDuration))" }

  /// What no broadcast changes: a method that is not supported.
  static let fixed = "public, max-age=60"
  static let never = "no-store"

  /// The preview page, whose files change their names with the program.
  static let page = "public, max-age=10"
  /// What is named by its content, whatever becomes of broadcasts.
  static let forever = "public, max-age=31536000, immutable"
}
