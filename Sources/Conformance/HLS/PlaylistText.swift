package import Wire

/// A violation that reading a text shows, with the number of what it violates.
package struct Complaint: Equatable, Sendable {
  package let requirement: String
  package let text: String
}

/// One tag of a playlist.
struct Tag: Equatable, Sendable {
  /// From "EXT" on, up to the colon.
  let name: String
  /// What follows the colon; nil without one.
  let value: String?
  /// Empty for tags that have none.
  let attributes: AttributeList
  /// From 1.
  let line: Int
}

/// What a line of a playlist is.
enum PlaylistLine: Equatable, Sendable {
  case tag(Tag)
  case uri(String, line: Int)
}

/// A playlist as its lines, with what is wrong about them.
package struct PlaylistText: Sendable {
  /// The largest playlist that is read, in bytes.
  package static let maximumBytes = 8 << 20
  /// Lines that are read; the rest is a complaint.
  static let maximumLines = 200_000
  /// Complaints that are kept.
  static let maximumComplaints = 32

  package enum Kind: Equatable, Sendable {
    case multivariant
    case media
    /// No tag tells.
    case unknown
  }

  private(set) var lines: [PlaylistLine] = []
  package private(set) var complaints: [Complaint] = []
  package private(set) var kind = Kind.unknown

  /// Reads any bytes as a playlist.
  package init(_ bytes: Bytes) {
    guard bytes.count <= Self.maximumBytes else {
      complain("HLS-001", "it has \(bytes.count) bytes")
      return
    }
    checkBytes(bytes)
    var number = 0
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let rest = bytes.slice.starts(with: mark) ? bytes.slice.dropFirst(3) : bytes.slice
    for line in rest.split(separator: 0x0A, omittingEmptySubsequences: false) {
      number += 1
      guard number <= Self.maximumLines else {
        complain("HLS-001", "it has more than \(Self.maximumLines) lines")
        break
      }
      read(line.last == 0x0D ? line.dropLast() : line, number)
    }
    judgeKind()
  }

  private mutating func complain(_ requirement: String, _ text: String) {
    guard complaints.count < Self.maximumComplaints else { return }
    complaints.append(Complaint(requirement: requirement, text: text))
  }

  private mutating func checkBytes(_ bytes: Bytes) {
    if bytes.slice.starts(with: [0xEF, 0xBB, 0xBF]) { complain("HLS-001", "a byte order mark") }
    if String(validating: bytes.slice, as: UTF8.self) == nil { complain("HLS-001", "no UTF-8") }
    let isControl: (UInt8) -> Bool = { $0 < 0x20 && $0 != 0x0A && $0 != 0x0D || $0 == 0x7F }
    if bytes.slice.contains(where: isControl) { complain("HLS-001", "a control character") }
    let first = bytes.slice.prefix { $0 != 0x0A }
    if !(first.last == 0x0D ? first.dropLast() : first).elementsEqual("#EXTM3U".utf8) {
      complain("HLS-001", "the first line is not #EXTM3U")
    }
  }

  private mutating func read(_ bytes: ArraySlice<UInt8>, _ number: Int) {
    guard !bytes.isEmpty else { return }
    let text = String(decoding: bytes, as: UTF8.self)
    if bytes.first == 0x20 || bytes.last == 0x20 || bytes.first == 0x09 || bytes.last == 0x09 {
      complain("HLS-001", "line \(number) begins or ends with a blank")
    }
    guard text.hasPrefix("#") else {
      lines.append(.uri(trimmed(text), line: number))
      return
    }
    guard text.hasPrefix("#EXT") else {
      // Comments; a tag in another case is one to every client.
      if text.uppercased().hasPrefix("#EXT") { complain("HLS-001", "\(text.prefix(40)): its case") }
      return
    }
    let name = String(text.dropFirst().prefix { $0 != ":" })
    let value = text.firstIndex(of: ":").map { String(text[text.index(after: $0)...]) }
    var attributes = AttributeList()
    if let kinds = TagSyntax.attributes[name] {
      var wrong: [String] = []
      attributes = AttributeList.read((value ?? "")[...], kinds: kinds) {
        if wrong.count < Self.maximumComplaints { wrong.append($0) }
      }
      for reason in wrong { complain("HLS-004", "line \(number), \(name): \(reason)") }
    }
    lines.append(.tag(Tag(name: name, value: value, attributes: attributes, line: number)))
  }

  private mutating func judgeKind() {
    var counts: [String: Int] = [:]
    var isMultivariant = false
    var isMedia = false
    for case .tag(let tag) in lines {
      counts[tag.name, default: 0] += 1
      if TagSyntax.multivariant.contains(tag.name) { isMultivariant = true }
      if TagSyntax.media.contains(tag.name) { isMedia = true }
    }
    for name in TagSyntax.onceOnly where counts[name, default: 0] > 1 {
      complain(name == "EXT-X-VERSION" ? "HLS-003" : "HLS-001", "\(name) stands twice")
    }
    if isMultivariant, isMedia {
      complain("HLS-001", "tags of multivariant and of media playlists")
    }
    kind = isMultivariant ? .multivariant : isMedia ? .media : .unknown
  }
}
