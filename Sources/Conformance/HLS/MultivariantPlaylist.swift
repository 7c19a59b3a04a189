/// EXT-X-STREAM-INF.
struct VariantEntry: Equatable, Sendable {
  var uri: String
  var attributes: AttributeList
}

/// What a multivariant playlist says.
struct MultivariantPlaylist: Sendable {
  /// Variants and renditions that are played; the rest is left out.
  static let maximumEntries = 64

  var version: Int?
  var hasIndependentSegments = false
  var variants: [VariantEntry] = []
  /// EXT-X-MEDIA in order.
  var renditions: [AttributeList] = []
  /// At most `PlaylistText.maximumComplaints`.
  private(set) var complaints: [Complaint] = []

  init(_ text: PlaylistText) {
    var stream: AttributeList?
    for line in text.lines {
      switch line {
      case .uri(let uri, let line):
        guard let attributes = stream else {
          complain("line \(line): a URI without EXT-X-STREAM-INF")
          continue
        }
        if variants.count < Self.maximumEntries {
          variants.append(VariantEntry(uri: uri, attributes: attributes))
        }
        stream = nil
      case .tag(let tag):
        if stream != nil { complain("line \(tag.line): EXT-X-STREAM-INF without a URI after it") }
        stream = nil
        switch tag.name {
        case "EXT-X-STREAM-INF": stream = tag.attributes
        case "EXT-X-MEDIA":
          if renditions.count < Self.maximumEntries { renditions.append(tag.attributes) }
        case "EXT-X-VERSION": version = tag.value.flatMap { wholeNumber($0) }
        case "EXT-X-INDEPENDENT-SEGMENTS": hasIndependentSegments = true
        default: break
        }
      }
    }
    if stream != nil { complain("EXT-X-STREAM-INF without a URI after it") }
  }

  private mutating func complain(_ text: String) {
    guard complaints.count < PlaylistText.maximumComplaints else { return }
    complaints.append(Complaint(requirement: "HLS-005", text: text))
  }
}
