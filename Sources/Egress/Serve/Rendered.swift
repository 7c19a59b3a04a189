internal import Compression
internal import Digest
internal import HTTP
internal import Wire

/// A playlist or manifest, rendered once and sent to all who ask.
///
/// Not Sendable: it belongs to one loop.
final class Rendered {
  let plain: Bytes
  /// Made when it is first asked for: it takes longer than all else that is done for a reload.
  private lazy var compressed = gzip(plain, level: 5)
  private let contentType: Bytes
  private let plainTag: String
  private let compressedTag: String
  // Lines made once: thousands of answers share them.
  private let plainTagLine: Bytes
  private let compressedTagLine: Bytes

  init(_ text: Bytes, contentType: String) {
    plain = text
    self.contentType = ResponseHead.line("Content-Type", contentType)
    let digest = hex(SHA256.digest(text).prefix(12).slice)
    plainTag = "\"\(digest)\""
    compressedTag = "\"\(digest)-gz\""
    plainTagLine = ResponseHead.line("ETag", plainTag)
    compressedTagLine = ResponseHead.line("ETag", compressedTag)
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
    var blocks = [
      ResponseHead.line("Cache-Control", cacheControl),
      isCompressed ? compressedTagLine : plainTagLine, Self.vary, Response.crossOrigin,
    ]
    blocks += extra
    switch Precondition(request, entityTag: tag) {
    case .met: break
    case .failed: return .preconditionFailed(entityTag: tag)
    case .notModified: return Response(.notModified, blocks, .none)
    }
    blocks.append(contentType)
    if isCompressed {
      blocks.append(Self.encoded)
      return Response(.ok, blocks, .whole([body]))
    }
    switch ByteRange(request, of: body.count, entityTag: tag) {
    case .part(let range):
      let field = ByteRange.part(range).contentRange(of: body.count) ?? ""
      blocks.append(ResponseHead.line("Content-Range", field))
      return Response(.partialContent, blocks, .whole([body[range]]))
    case .whole, .unsatisfiable:
      // Some players ask for ranges past the end of a playlist that shrank: it is sent whole.
      return Response(.ok, blocks, .whole([body]))
    }
  }

  private static let vary = ResponseHead.line("Vary", "Accept-Encoding")
  private static let encoded = ResponseHead.line("Content-Encoding", "gzip")
}
