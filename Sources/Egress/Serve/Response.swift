internal import HTTP
internal import Wire

/// An answer, ready for a connection.
struct Response {
  var head: ResponseHead { didSet { shared = nil } }
  let body: Body
  /// Of an answer that many get: where its bytes as sent are kept.
  private(set) var shared: SharedAnswer?
  /// Whole media that stays what it is as long as it is there.
  var isLasting = false

  var status: Status { head.status }

  init(_ status: Status, _ blocks: [Bytes], _ body: Body) {
    head = ResponseHead(status, blocks)
    self.body = body
  }

  /// The same answer, whose bytes are made once for all who get it.
  var sharing: Response {
    var response = self
    response.shared = SharedAnswer(head, body)
    return response
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
