import Wire

/// A media playlist as a player reads it: the newest parts, and where the next one will be.
struct ListedPlaylist {
  struct Part {
    let uri: String
    /// The tick in its name.
    let start: Int64
    /// In hundred-thousandths of a second.
    let duration: Int64
    let segment: Int64
    let index: Int
    /// Its media is lost and not to be fetched.
    let isGap: Bool
    /// UTC of its end, to about a millisecond: the playlist's dates are no finer.
    let end: UTCTime
  }

  private(set) var parts: [Part] = []
  /// The number of the last segment, its parts so far, and whether it grows.
  private(set) var lastNumber: Int64 = 0
  private(set) var lastParts = 0
  private(set) var isGrowing = false
  private(set) var hint: String?
  private(set) var initSegment: String?
  private(set) var isEnded = false

  init(_ bytes: ArraySlice<UInt8>) throws(Complaint) {
    var number: Int64?
    var time: Int64?
    var isSegmentOpen = false
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      if line.hasPrefix("#EXT-X-MEDIA-SEQUENCE:") {
        number = Int64(line.dropFirst(22))
      } else if line.hasPrefix("#EXT-X-PROGRAM-DATE-TIME:") {
        time = Self.microseconds(line.dropFirst(25))
        lastNumber = (number ?? 0)
        lastParts = 0
        isSegmentOpen = true
      } else if line.hasPrefix("#EXT-X-PART:") {
        guard let uri = Self.quoted("URI", in: line), let start = Self.tick(uri),
          let duration = Self.duration(in: line), let current = number, let begun = time
        else { throw Complaint("a part that makes no sense: \(line)") }
        time = begun + duration * 10
        parts.append(
          Part(
            uri: uri,
            start: start,
            duration: duration,
            segment: current,
            index: lastParts,
            isGap: line.contains("GAP=YES"),
            end: UTCTime(microseconds: begun + duration * 10)
          )
        )
        lastParts += 1
      } else if line.hasPrefix("#EXTINF:") {
        guard let current = number else { throw Complaint("a segment without a number") }
        isSegmentOpen = false
        number = current + 1
      } else if line.hasPrefix("#EXT-X-PRELOAD-HINT:") {
        hint = Self.quoted("URI", in: line)
      } else if line.hasPrefix("#EXT-X-MAP:") {
        initSegment = Self.quoted("URI", in: line)
      } else if line == "#EXT-X-ENDLIST" {
        isEnded = true
      }
    }
    guard !parts.isEmpty else { throw Complaint("a playlist without parts") }
    isGrowing = isSegmentOpen
  }

  /// What the next reload asks for.
  var next: (segment: Int64, part: Int) {
    isGrowing ? (lastNumber, lastParts) : (lastNumber + 1, 0)
  }

  /// Whether it has what a reload asked for: the part, or the first one of the segment after it when
  /// its segment ended with fewer.
  ///
  /// rfc8216bis §6.2.5.2.
  func satisfies(segment: Int64, part: Int) -> Bool {
    if isEnded || lastNumber > segment { return true }
    return lastNumber == segment && lastParts > part
  }

  // MARK: Fields

  /// The tick in `0/part/161608451760000.m4s`.
  private static func tick(_ uri: String) -> Int64? {
    guard let slash = uri.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
    return Int64(uri[uri.index(after: slash)...].prefix { $0 != "." })
  }

  static func quoted(_ name: String, in line: some StringProtocol) -> String? {
    guard let start = String(line).firstRange(of: name + "=\"") else { return nil }
    return String(String(line)[start.upperBound...].prefix { $0 != "\"" })
  }

  /// DURATION with its five decimals, in hundred-thousandths.
  private static func duration(in line: some StringProtocol) -> Int64? {
    let text = String(line)
    guard let start = text.firstRange(of: "DURATION=") else { return nil }
    let fields = text[start.upperBound...].prefix { $0 != "," }.split(separator: ".")
    guard fields.count == 2, fields[1].utf8.count == 5, let whole = Int64(fields[0]),
      let fraction = Int64(fields[1])
    else { return nil }
    return whole * 100_000 + fraction
  }

  /// `2026-11-25T23:31:04.000Z` as microseconds since 1970.
  static func microseconds(_ text: some StringProtocol) -> Int64? {
    let fields = text.split { !("0"..."9").contains($0) }.compactMap { Int64($0) }
    guard fields.count == 7 else { return nil }
    // Years begin in March here, so that the leap day is the last of one.
    let year = fields[1] > 2 ? fields[0] : fields[0] - 1
    let month = (fields[1] + 9) % 12
    let days =
      365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + fields[2] - 1
      - 719_468
    let seconds = days * 86_400 + fields[3] * 3600 + fields[4] * 60 + fields[5]
    return seconds * 1_000_000 + fields[6] * 1000
  }
}
