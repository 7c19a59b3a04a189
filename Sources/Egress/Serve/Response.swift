internal import HTTP
internal import Wire

/// An answer, ready for a connection.
///
/// Not Sendable: it belongs to one loop.
final class Response {
  let head: ResponseHead
  let body: Body
  /// Of an answer that many get: where its bytes as sent are kept.
  let shared: SharedAnswer?
  /// Whole media that stays what it is as long as it is there.
  let isLasting: Bool

  var status: Status { head.status }

  private init(_ head: ResponseHead, _ body: Body, isLasting: Bool, isShared: Bool = false) {
    self.head = head
    self.body = body
    self.isLasting = isLasting
    shared = isShared ? SharedAnswer(head, body) : nil
  }

  convenience init(_ status: Status, _ blocks: [Bytes], _ body: Body, isLasting: Bool = false) {
    self.init(ResponseHead(status, blocks), body, isLasting: isLasting)
  }

  /// The same answer, whose bytes are made once for all who get it.
  var sharing: Response { Response(head, body, isLasting: isLasting, isShared: true) }

  /// The same answer with more lines in its head.
  func adding(_ lines: [Bytes]) -> Response {
    Response(ResponseHead(status, head.blocks + lines), body, isLasting: isLasting)
  }

  /// A short text with its own lifetime; every answer carries the CORS fields.
  static func text(
    _ status: Status,
    _ text: String,
    cacheControl: String,
    extra: [Bytes] = []
  ) -> Response {
    Response(
      status,
      [
        ResponseHead.line("Content-Type", "text/plain; charset=utf-8"),
        ResponseHead.line("Cache-Control", cacheControl), Self.crossOrigin,
      ] + extra,
      .whole([Bytes(utf8: text + "\n")])
    )
  }

  static func notFound(_ text: String, cacheControl: String = CachePolicy.soon) -> Response {
    .text(.notFound, text, cacheControl: cacheControl)
  }

  /// The client wants another representation than there is, RFC 9110 §15.5.13.
  static func preconditionFailed(entityTag: String) -> Response {
    .text(
      .preconditionFailed,
      "If-Match names another version",
      cacheControl: CachePolicy.never,
      extra: [ResponseHead.line("ETag", entityTag)]
    )
  }

  /// Any page may read us, and see the fields that players tune in by.
  static let crossOrigin = Bytes(utf8: "Access-Control-Allow-Origin: *\r\n" + exposedFields)

  static let exposedFields =
    "Access-Control-Expose-Headers: Age, Date, ETag, Content-Length, Content-Range\r\n"

  /// Fields of answers that the connection makes by itself, whoever's page has asked.
  static func errorFields(_ policy: CrossOrigin) -> Bytes {
    let fields = policy.hasList ? CrossOrigin.vary : crossOrigin
    return Bytes(utf8: "Cache-Control: no-store\r\n" + fields.text)
  }
}
