internal import HTTP
internal import Manifests
internal import Packaging

/// What a parked request waits for.
enum Want: Equatable {
  /// The broadcast, which is only now being subscribed.
  case broadcast
  case reload(MediaPlaylist.Content, PlaylistPosition, skips: Bool)
  /// A part, by the epoch and start in its name.
  case part(epoch: String, start: Int64)
  /// A part by its place in the segment of an epoch and start.
  case partOfSegment(epoch: String, start: Int64, index: Int)
  /// A segment that has not begun, by its epoch and number.
  case numberedSegment(epoch: String, number: Int64)
  /// A segment that has not begun, by the epoch and start in its name.
  case segment(epoch: String, start: Int64)
}

extension Want {
  /// The answer when the wait has lasted too long.
  var refusal: Response {
    switch self {
    case .broadcast: unavailable("the broadcast has not begun")
    case .reload: unavailable("no new media for three target durations")
    // Not 404: it may still come under this name, and caches keep what is missing.
    case .numberedSegment(_, let number): unavailable("segment \(number) did not come")
    case .part(_, let start), .segment(_, let start), .partOfSegment(_, let start, _):
      unavailable("media at \(start) did not come")
    }
  }

  private func unavailable(_ text: String) -> Response {
    .text(
      .unavailable,
      text,
      // Caches share among those who wait only what they may keep.
      cacheControl: CachePolicy.soon,
      extra: [ResponseHead.line("Retry-After", "1")]
    )
  }
}
