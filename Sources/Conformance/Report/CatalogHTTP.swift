extension Catalog {
  /// The requirements on the server.
  static let http: [Requirement] = [
    must("HTTP-001", "a connection serves several requests, and closes when asked to"),
    must("HTTP-002", "pipelined requests are answered whole and in order"),
    must("HTTP-003", "HEAD answers like GET without the body"),
    must("HTTP-004", "ranges of whole objects are exact; impossible ones are 416"),
    must("HTTP-005", "validators are there, strong for media, and a match is 304"),
    must(
      "HTTP-006",
      "media has no content coding; codings of a playlist differ in their validators"
    ),
    must("HTTP-007", "CORS lets every origin read every answer, with Age and Date exposed"),
    must("HTTP-008", "preflights allow GET, HEAD, Range and CMCD, and may be kept"),
    must("HTTP-009", "an unknown path is 404 at once and briefly cacheable"),
    must("HTTP-010", "methods that change things are refused with 405 and Allow, or 501"),
    must("HTTP-011", "malformed requests are refused with 400 and the connection ends"),
    must("HTTP-012", "oversized heads are refused"),
    must("HTTP-013", "a request that is never finished is cut off"),
    must("HTTP-014", "every answer of a stream says how long it may be cached"),
    must("HTTP-015", "plain playlists and MPDs are cacheable for half a target duration at most"),
    must("HTTP-016", "blocking playlists are cacheable, up to six target durations"),
    must("HTTP-017", "media is cacheable for six target durations at least"),
    must("HTTP-018", "errors are cacheable for a target duration at most"),
    must("HTTP-019", "Date is right and Age absent"),
    must("HTTP-020", "bodies are framed by one of Content-Length and chunks, and end as framed"),
    must("HTTP-021", "HTTP/1.0 gets no transfer coding"),
    must("HTTP-022", "no path leads outside"),
    must("HTTP-023", "media is not redirected"),
    should("HTTP-024", "CMCD changes nothing"),
    must("HTTP-025", "media has a media type of ISO files"),
  ]

  /// Reasons by number.
  static let outOfSightHTTP: [String: String] = [:]
}
