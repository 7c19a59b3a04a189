internal import Wire

/// A resource, or a range of one.
struct Resource: Hashable, Sendable, CustomStringConvertible {
  let url: WebURL
  /// From which byte on; nil for the whole resource.
  var start: Int?
  /// nil for an open range.
  var length: Int?

  /// The Range field that asks for it; empty for the whole.
  var headers: [HeaderField] {
    guard let start else { return [] }
    let end = length.map { String(start + $0 - 1) } ?? ""
    return [HeaderField("Range", "bytes=\(start)-\(end)")]
  }

  var description: String {
    start.map { "\(url)@\($0)" } ?? url.description
  }
}

/// Why a fetch was made.
enum FetchPurpose: Sendable {
  case entry
  /// `isChain` reloads drive the session, others only show something.
  case reload(ReloadPurpose, known: MediaPlaylist, isChain: Bool)
  /// The whole playlist of the position that a delta is asked for at the same time.
  case twin(Position)
  case initSegment(Resource)
  case segment(Int, Resource)
  case part(Resource)
  case hint(Resource)
  /// What was fetched before; `requirement` says what a failure violates.
  case again(Resource, requirement: String, hash: Bytes?, validator: String?)
  /// One of many equal reloads.
  case crowd
  case compression(accepting: Bool)
  case handshake
}
