package import Wire

/// Why a playlist is refused.
package struct PlaylistFault: Error, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}

/// A value of an attribute list with its form, rfc8216bis §"Attribute Lists".
package enum AttributeValue: Equatable, Sendable {
  case quoted(String)
  /// Decimal with a point, in hundred-thousandths.
  case decimal(Int)
  case integer(Int)
  case enumerated(String)
  case resolution(Int, Int)
}

/// Reads a playlist the way the strictest player would: every rule that it breaks is an error.
///
/// It shares nothing with the renderer.
package struct StrictPlaylist: Sendable {
  /// One tag or URI line.
  package struct Line: Sendable {
    package let name: String
    package let value: String
  }

  package struct Part: Equatable, Sendable {
    package let uri: String
    /// In hundred-thousandths of a second.
    package let duration: Int
    package let isIndependent: Bool
    package let isGap: Bool
  }

  package struct Segment: Equatable, Sendable {
    package var number = 0
    package var hasDiscontinuity = false
    package var discontinuitySequence = 0
    package var map: String?
    package var date: String?
    package var parts: [Part] = []
    package var isGap = false
    /// The first bytes of the resource alone, as many as this.
    package var byteCount: Int?
    /// In hundred-thousandths of a second; nil while the segment grows.
    package var duration: Int?
    package var uri: String?
  }

  package struct Report: Equatable, Sendable {
    package let uri: String
    package let number: Int
    package let part: Int?
  }

  package let lines: [Line]
  package private(set) var version: Int?
  package private(set) var isIndependent = false
  // Multivariant.
  package private(set) var media: [[String: AttributeValue]] = []
  package private(set) var variants: [(attributes: [String: AttributeValue], uri: String)] = []
  package private(set) var iFrameVariants: [[String: AttributeValue]] = []
  // Media.
  package private(set) var targetDuration: Int?
  package private(set) var control: [String: AttributeValue] = [:]
  package private(set) var partTarget: Int?
  package private(set) var mediaSequence: Int?
  package private(set) var discontinuitySequence: Int?
  package private(set) var skipped = 0
  package private(set) var hasIFramesOnly = false
  /// Complete segments.
  package private(set) var segments: [Segment] = []
  /// What grows after the last complete segment.
  package private(set) var open: Segment?
  package private(set) var hint: String?
  package private(set) var reports: [Report] = []
  package private(set) var hasEnded = false

  package var isMultivariant: Bool { !variants.isEmpty }

  package init(_ bytes: Bytes) throws {
    lines = try Self.lines(bytes)
    for line in lines.dropFirst() where Self.multivariantTags.contains(line.name) {
      try readMultivariant()
      return
    }
    try readMedia()
  }

  private static let multivariantTags: Set = [
    "EXT-X-STREAM-INF", "EXT-X-MEDIA", "EXT-X-I-FRAME-STREAM-INF",
  ]
  private static let once: Set = [
    "EXTM3U", "EXT-X-VERSION", "EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE",
    "EXT-X-DISCONTINUITY-SEQUENCE", "EXT-X-SERVER-CONTROL", "EXT-X-PART-INF", "EXT-X-SKIP",
    "EXT-X-ENDLIST", "EXT-X-PRELOAD-HINT", "EXT-X-INDEPENDENT-SEGMENTS",
    "EXT-X-I-FRAMES-ONLY",
  ]

  // MARK: Lines

  private static func lines(_ bytes: Bytes) throws -> [Line] {
    guard String(validating: bytes.slice, as: UTF8.self) != nil else {
      throw PlaylistFault("not UTF-8")
    }
    guard bytes.slice.allSatisfy({ $0 == 0x0A || $0 >= 0x20 && $0 != 0x7F }) else {
      throw PlaylistFault("a control character")
    }
    guard bytes.slice.last == 0x0A else { throw PlaylistFault("the last line is not ended") }
    let texts = bytes.slice.dropLast().split(separator: 0x0A, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    guard texts[0] == "#EXTM3U" else { throw PlaylistFault("the first line is '\(texts[0])'") }
    var seen: Set<String> = []
    return try texts.map { text in
      guard !text.isEmpty, text.first != " ", text.last != " " else {
        throw PlaylistFault("an empty line or whitespace around '\(text)'")
      }
      guard text.hasPrefix("#") else { return Line(name: "", value: text) }
      let parts = text.dropFirst().split(separator: ":", maxSplits: 1)
      let name = String(parts[0])
      guard name.hasPrefix("EXT") else { throw PlaylistFault("a comment: \(text)") }
      if once.contains(name), !seen.insert(name).inserted {
        throw PlaylistFault("\(name) appears twice")
      }
      return Line(name: name, value: parts.count > 1 ? String(parts[1]) : "")
    }
  }

  private static func integer(_ text: some StringProtocol, _ what: String) throws -> Int {
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int(text)
    else { throw PlaylistFault("\(what) is not an integer: \(text)") }
    return value
  }

  /// Digits, and optionally a point with one to five more.
  private static func decimal(_ text: some StringProtocol, _ what: String) throws -> Int {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count) else { throw PlaylistFault("\(what): \(text)") }
    let whole = try integer(parts[0], what)
    guard parts.count == 2 else { return whole * 100_000 }
    guard (1...5).contains(parts[1].count) else { throw PlaylistFault("\(what): \(text)") }
    let fraction = try integer(parts[1], what)
    return whole * 100_000 + fraction * [10_000, 1000, 100, 10, 1][parts[1].count - 1]
  }

  /// Splits an attribute list; names are unique, values take one of the six forms.
  package static func attributes(_ text: String) throws -> [String: AttributeValue] {
    var rest = text[...]
    var list: [String: AttributeValue] = [:]
    repeat {
      guard let equals = rest.firstIndex(of: "=") else { throw PlaylistFault("no '=': \(rest)") }
      let name = String(rest[..<equals])
      guard !name.isEmpty,
        name.utf8.allSatisfy({ (65...90).contains($0) || (48...57).contains($0) || $0 == 45 })
      else { throw PlaylistFault("attribute name '\(name)'") }
      rest = rest[rest.index(after: equals)...]
      let value: AttributeValue
      if rest.first == "\"" {
        rest = rest.dropFirst()
        guard let end = rest.firstIndex(of: "\"") else { throw PlaylistFault("quote: \(text)") }
        value = .quoted(String(rest[..<end]))
        rest = rest[rest.index(after: end)...]
      } else {
        let end = rest.firstIndex(of: ",") ?? rest.endIndex
        value = try unquoted(rest[..<end], name)
        rest = rest[end...]
      }
      guard list.updateValue(value, forKey: name) == nil else {
        throw PlaylistFault("\(name) twice: \(text)")
      }
      if rest.isEmpty { return list }
      guard rest.first == "," else { throw PlaylistFault("no comma: \(text)") }
      rest = rest.dropFirst()
    } while true
  }

  private static func unquoted(_ text: Substring, _ name: String) throws -> AttributeValue {
    guard !text.isEmpty, !text.contains(where: { $0 == " " || $0 == "\"" }) else {
      throw PlaylistFault("\(name)=\(text)")
    }
    let size = text.split(separator: "x", omittingEmptySubsequences: false)
    if size.count == 2, let width = Int(size[0]), let height = Int(size[1]) {
      return .resolution(width, height)
    }
    if text.utf8.allSatisfy({ (48...57).contains($0) }) { return .integer(try integer(text, name)) }
    if text.utf8.allSatisfy({ (48...57).contains($0) || $0 == 46 }) {
      return .decimal(try decimal(text, name))
    }
    guard text.utf8.allSatisfy({ (65...90).contains($0) || (48...57).contains($0) || $0 == 45 })
    else { throw PlaylistFault("\(name)=\(text)") }
    return .enumerated(String(text))
  }

  // MARK: Multivariant

  private mutating func readMultivariant() throws {
    var pending: [String: AttributeValue]?
    for line in lines.dropFirst() {
      if pending != nil, line.name != "" { throw PlaylistFault("STREAM-INF without a URI") }
      switch line.name {
      case "EXT-X-VERSION": version = try Self.integer(line.value, line.name)
      case "EXT-X-INDEPENDENT-SEGMENTS": isIndependent = true
      case "EXT-X-MEDIA": media.append(try Self.attributes(line.value))
      case "EXT-X-I-FRAME-STREAM-INF": iFrameVariants.append(try Self.attributes(line.value))
      case "EXT-X-STREAM-INF": pending = try Self.attributes(line.value)
      case "":
        guard let attributes = pending else { throw PlaylistFault("a URI alone: \(line.value)") }
        variants.append((attributes, line.value))
        pending = nil
      default: throw PlaylistFault("\(line.name) in a multivariant playlist")
      }
    }
    if pending != nil { throw PlaylistFault("STREAM-INF without a URI") }
  }
}

extension StrictPlaylist {
  // MARK: Media

  private mutating func readMedia() throws {
    var current = Segment()
    var isUsed = false
    var map: String?
    for line in lines.dropFirst() {
      if hasEnded { throw PlaylistFault("\(line.name) after ENDLIST") }
      if hint != nil, !["EXT-X-RENDITION-REPORT"].contains(line.name) {
        throw PlaylistFault("\(line.name) after the hint")
      }
      let isHead = segments.isEmpty && skipped == 0 && !isUsed
      switch line.name {
      case "EXT-X-VERSION" where isHead: version = try Self.integer(line.value, line.name)
      case "EXT-X-TARGETDURATION" where isHead:
        targetDuration = try Self.integer(line.value, line.name)
      case "EXT-X-SERVER-CONTROL" where isHead: control = try Self.attributes(line.value)
      case "EXT-X-PART-INF" where isHead:
        partTarget = try Self.seconds(Self.attributes(line.value)["PART-TARGET"], line.name)
      case "EXT-X-MEDIA-SEQUENCE" where isHead:
        mediaSequence = try Self.integer(line.value, line.name)
      case "EXT-X-DISCONTINUITY-SEQUENCE" where isHead:
        discontinuitySequence = try Self.integer(line.value, line.name)
      case "EXT-X-INDEPENDENT-SEGMENTS" where isHead: isIndependent = true
      case "EXT-X-I-FRAMES-ONLY" where isHead: hasIFramesOnly = true
      case "EXT-X-BYTERANGE" where current.duration != nil:
        guard line.value.hasSuffix("@0") else { throw PlaylistFault("range \(line.value)") }
        current.byteCount = try Self.integer(line.value.dropLast(2), line.name)
      case "EXT-X-SKIP" where isHead:
        guard case .integer(let count)? = try Self.attributes(line.value)["SKIPPED-SEGMENTS"],
          count > 0
        else { throw PlaylistFault("EXT-X-SKIP:\(line.value)") }
        skipped = count
      case "EXT-X-DISCONTINUITY", "EXT-X-MAP", "EXT-X-PROGRAM-DATE-TIME":
        guard current.parts.isEmpty else { throw PlaylistFault("\(line.name) after a part") }
        isUsed = true
        if line.name == "EXT-X-DISCONTINUITY" {
          current.hasDiscontinuity = true
        } else if line.name == "EXT-X-MAP" {
          guard case .quoted(let uri)? = try Self.attributes(line.value)["URI"] else {
            throw PlaylistFault("EXT-X-MAP:\(line.value)")
          }
          map = uri
        } else {
          current.date = line.value
        }
      case "EXT-X-PART":
        isUsed = true
        current.parts.append(try Self.part(line.value))
      case "EXT-X-GAP": current.isGap = true
      case "EXTINF":
        guard line.value.hasSuffix(",") else { throw PlaylistFault("EXTINF:\(line.value)") }
        current.duration = try Self.decimal(line.value.dropLast(), line.name)
      case "":
        guard current.duration != nil else { throw PlaylistFault("no EXTINF: \(line.value)") }
        current.uri = line.value
        current.map = map
        segments.append(current)
        current = Segment()
        isUsed = false
      case "EXT-X-PRELOAD-HINT":
        let list = try Self.attributes(line.value)
        guard list["TYPE"] == .enumerated("PART"), case .quoted(let uri)? = list["URI"] else {
          throw PlaylistFault("hint \(line.value)")
        }
        hint = uri
      case "EXT-X-RENDITION-REPORT":
        let list = try Self.attributes(line.value)
        guard case .quoted(let uri)? = list["URI"], case .integer(let number)? = list["LAST-MSN"]
        else { throw PlaylistFault("report \(line.value)") }
        var part: Int?
        if case .integer(let index)? = list["LAST-PART"] { part = index }
        reports.append(Report(uri: uri, number: number, part: part))
      case "EXT-X-ENDLIST": hasEnded = true
      default: throw PlaylistFault("\(line.name) is unknown or out of place")
      }
    }
    guard current.duration == nil else { throw PlaylistFault("EXTINF without a URI") }
    if isUsed {
      current.map = map
      open = current
    }
    try number()
  }

  /// Gives each segment its numbers, as a player counts them.
  private mutating func number() throws {
    guard let mediaSequence, let discontinuitySequence else {
      throw PlaylistFault("MEDIA-SEQUENCE or DISCONTINUITY-SEQUENCE is missing")
    }
    var sequence = discontinuitySequence
    for index in segments.indices {
      if segments[index].hasDiscontinuity { sequence += 1 }
      segments[index].number = mediaSequence + skipped + index
      segments[index].discontinuitySequence = sequence
    }
    if open?.hasDiscontinuity == true { sequence += 1 }
    open?.number = mediaSequence + skipped + segments.count
    open?.discontinuitySequence = sequence
  }

  private static func part(_ text: String) throws -> Part {
    let list = try attributes(text)
    guard case .quoted(let uri)? = list["URI"] else { throw PlaylistFault("part \(text)") }
    for name in ["INDEPENDENT", "GAP"] where list[name] != nil {
      guard list[name] == .enumerated("YES") else { throw PlaylistFault("part \(text)") }
    }
    return Part(
      uri: uri,
      duration: try seconds(list["DURATION"], text),
      isIndependent: list["INDEPENDENT"] != nil,
      isGap: list["GAP"] != nil
    )
  }

  /// A decimal attribute in hundred-thousandths of a second; an integer will do.
  package static func seconds(_ value: AttributeValue?, _ what: String) throws -> Int {
    switch value {
    case .decimal(let value): value
    case .integer(let value): value * 100_000
    default: throw PlaylistFault("no number in \(what)")
    }
  }

  /// All segments, the growing one last.
  package var all: [Segment] { segments + (open.map { [$0] } ?? []) }

  /// The newest segment and part.
  package var edge: (number: Int, part: Int?) {
    if let open { return (open.number, open.parts.isEmpty ? nil : open.parts.count - 1) }
    return (segments.last?.number ?? 0, nil)
  }
}
