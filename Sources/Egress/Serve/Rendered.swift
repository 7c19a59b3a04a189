internal import Compression
internal import Digest
internal import HTTP
internal import Wire

/// A playlist or manifest, rendered once and sent to all who ask.
///
/// Not Sendable: it belongs to one loop.
final class Rendered {
  let plain: Bytes
  /// Content-Type.
  private let type: Bytes
  private let digest: Bytes
  private lazy var plainTag = EntityTag(digest, "")
  private lazy var compressedTag = EntityTag(digest, "-gz")
  /// Made when it is first asked for: it takes longer than all else that is done for a reload.
  private lazy var compressed = gzip(plain, level: 5)

  /// `type` is the line that says what it is.
  init(_ text: Bytes, type: Bytes) {
    plain = text
    self.type = type
    digest = SHA256.digest(text).prefix(12)
  }

  /// The answer to a request, conditional and compressed as it asks.
  ///
  /// `extra` are lines of the head that a 304 has too.
  func response(
    to request: RequestHead,
    cacheControl: String,
    extra: [Bytes] = []
  ) -> Response {
    let isCompressed = ContentCoding.acceptsGzip(request.value("accept-encoding"))
    let body = isCompressed ? compressed : plain
    let tag = isCompressed ? compressedTag : plainTag
    var blocks: [Bytes] = []
    blocks.reserveCapacity(6 + extra.count)
    blocks.append(ResponseHead.line("Cache-Control", cacheControl))
    blocks.append(tag.line)
    blocks.append(Self.vary)
    blocks.append(Response.crossOrigin)
    blocks += extra
    switch Precondition(request, entityTag: tag.text) {
    case .met: break
    case .failed: return .preconditionFailed(entityTag: tag.text)
    case .notModified: return Response(.notModified, blocks, .none)
    }
    blocks.append(type)
    if isCompressed {
      blocks.append(Self.encoded)
      return Response(.ok, blocks, .whole([body]))
    }
    switch ByteRange(request, of: body.count, entityTag: tag.text) {
    case .part(let range):
      let field = ByteRange.part(range).contentRange(of: body.count) ?? ""
      blocks.append(ResponseHead.line("Content-Range", field))
      return Response(.partialContent, blocks, .whole([body[range]]))
    case .whole, .unsatisfiable:
      // Some players ask for ranges past the end of a playlist that shrank: it is sent whole.
      return Response(.ok, blocks, .whole([body]))
    }
  }

  static let playlist = ResponseHead.line("Content-Type", "application/vnd.apple.mpegurl")
  static let manifest = ResponseHead.line("Content-Type", "application/dash+xml")
  private static let vary = ResponseHead.line("Vary", "Accept-Encoding")
  private static let encoded = ResponseHead.line("Content-Encoding", "gzip")
}

/// An entity tag, and its line, which thousands of answers share.
private struct EntityTag {
  /// As sent, quotes included.
  let text: String
  let line: Bytes

  /// In hexadecimal, with an ending.
  init(_ digest: Bytes, _ ending: String) {
    var writer = ByteWriter(reserving: 48)
    writer.write(utf8: Self.name)
    writer.write(utf8: "\"")
    writer.write(utf8: hex(digest.slice))
    writer.write(utf8: ending)
    writer.write(utf8: "\"\r\n")
    line = writer.bytes
    text = line[Self.name.utf8.count..<line.count - 2].text
  }

  private static let name = "ETag: "
}
