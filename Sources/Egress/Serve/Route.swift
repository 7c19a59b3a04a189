package import Manifests
internal import Preview
package import Wire

/// What a URL names.
package enum Route: Hashable, Sendable {
  case health
  case readiness
  case metrics
  case status
  case time
  case multivariant(broadcast: BroadcastPath)
  case manifest(broadcast: BroadcastPath, of: MediaPresentation.Unit)
  case mediaPlaylist(broadcast: BroadcastPath, rendition: String, MediaPlaylist.Content)
  case initSegment(broadcast: BroadcastPath, rendition: String, name: String)
  case segment(broadcast: BroadcastPath, rendition: String, epoch: String, start: Int64)
  case part(broadcast: BroadcastPath, rendition: String, epoch: String, start: Int64)
  /// A segment by its number, as DASH players name it who read no timeline.
  case numberedSegment(broadcast: BroadcastPath, rendition: String, epoch: String, number: Int64)
  /// A part by its place in a segment, as DASH names those of a sequence.
  case partOfSegment(
    broadcast: BroadcastPath,
    rendition: String,
    epoch: String,
    start: Int64,
    index: Int
  )
  case preview(broadcast: BroadcastPath)
  /// What would be a broadcast's preview page if it ended in a slash.
  case previewWithoutSlash(broadcast: BroadcastPath)
  /// A file of the preview page, which is the same below every broadcast.
  case previewAsset(version: String, name: String)

  /// Reads a path's segments, which are decoded already; nil when nothing is served there.
  package init?(_ segments: [Bytes]) {
    if segments.count == 1 {
      switch segments[0].text {
      case "healthz": self = .health
      case "readyz": self = .readiness
      case "metrics": self = .metrics
      case "status.json": self = .status
      case "time": self = .time
      case "": return nil
      default: self = .previewWithoutSlash(broadcast: BroadcastPath(fields: segments))
      }
      return
    }
    guard let last = segments.last?.text else { return nil }
    func broadcast(_ tail: Int) -> BroadcastPath? {
      segments.count > tail ? BroadcastPath(fields: Array(segments.dropLast(tail))) : nil
    }
    func text(_ fromEnd: Int) -> String { segments[segments.count - 1 - fromEnd].text }
    switch last {
    case "index.m3u8":
      guard let path = broadcast(1) else { return nil }
      self = .multivariant(broadcast: path)
    case "manifest.mpd":
      guard let path = broadcast(1) else { return nil }
      self = .manifest(broadcast: path, of: .segment)
    case "segments.mpd":
      guard let path = broadcast(1) else { return nil }
      self = .manifest(broadcast: path, of: .wholeSegment)
    case "sequences.mpd":
      guard let path = broadcast(1) else { return nil }
      self = .manifest(broadcast: path, of: .part)
    case "number.mpd":
      guard let path = broadcast(1) else { return nil }
      self = .manifest(broadcast: path, of: .number)
    case "media.m3u8":
      guard let path = broadcast(2) else { return nil }
      self = .mediaPlaylist(broadcast: path, rendition: text(1), .media)
    case "iframes.m3u8":
      guard let path = broadcast(2) else { return nil }
      self = .mediaPlaylist(broadcast: path, rendition: text(1), .iFrames)
    case _ where last.hasSuffix(".mp4"):
      guard let path = broadcast(2) else { return nil }
      self = .initSegment(
        broadcast: path,
        rendition: text(1),
        name: String(last.dropLast(4))
      )
    case _ where last.hasSuffix(".m4s"):
      guard let path = broadcast(4), let number = Self.number(last.dropLast(4)) else { return nil }
      switch text(1) {
      case "segment":
        self = .segment(broadcast: path, rendition: text(3), epoch: text(2), start: number)
      case "part":
        self = .part(broadcast: path, rendition: text(3), epoch: text(2), start: number)
      case "number":
        self = .numberedSegment(
          broadcast: path,
          rendition: text(3),
          epoch: text(2),
          number: number
        )
      case let startText where text(2) == "segment":
        guard let path = broadcast(5), let start = Self.number(startText[...]), number >= 0 else {
          return nil
        }
        self = .partOfSegment(
          broadcast: path,
          rendition: text(4),
          epoch: text(3),
          start: start,
          index: Int(number)
        )
      default: return nil
      }
    case "":
      guard let path = broadcast(1) else { return nil }
      self = .preview(broadcast: path)
    case _ where segments.count > 3 && text(2) == PreviewPage.folder:
      self = .previewAsset(version: text(1), name: last)
    default:
      self = .previewWithoutSlash(broadcast: BroadcastPath(fields: segments))
    }
  }

  /// The rendition of a segment, which may be growing.
  var growingRendition: String? {
    switch self {
    case .segment(_, let rendition, _, _), .numberedSegment(_, let rendition, _, _): rendition
    default: nil
    }
  }

  /// A number in its only spelling.
  private static func number(_ digits: Substring) -> Int64? {
    guard let number = Int64(digits), String(number) == digits else { return nil }
    return number
  }
}

/// A broadcast as URLs name it: the fields of its track namespace.
package struct BroadcastPath: Hashable, Sendable {
  package let fields: [Bytes]
  /// Made once, as every request is looked up by it.
  private let hash: Int

  package init(fields: [Bytes]) {
    self.fields = fields
    hash = fields.hashValue
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}
