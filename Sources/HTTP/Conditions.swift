package import Wire

/// What the conditions of a request make of it, RFC 9110 §13.2.2.
///
/// If-Unmodified-Since is ignored: it is for requests that change something.
package enum Precondition: Sendable, Hashable {
  /// Answer as if there were no conditions.
  case met
  /// Answer 412.
  case failed
  /// Answer 304.
  case notModified

  /// Evaluates a request against a representation, whose `entityTag` is as sent in ETag.
  ///
  /// If-Modified-Since counts where there is no If-None-Match, and only with the very date of
  /// Last-Modified: what is asked for by another is sent.
  package init(_ head: RequestHead, entityTag: String, lastModified: HTTPDate? = nil) {
    if let field = head.value("if-match"),
      !EntityTags.matches(field, entityTag, isStrong: true)
    {
      self = .failed
    } else if let field = head.value("if-none-match") {
      self = EntityTags.matches(field, entityTag) ? .notModified : .met
    } else if let lastModified, head.method == .get || head.method == .head,
      head.value("if-modified-since")?.fieldText == lastModified.text
    {
      self = .notModified
    } else {
      self = .met
    }
  }
}

/// Evaluates lists of entity tags, RFC 9110 §13.1.1 and §13.1.2.
package enum EntityTags {
  /// Whether a field lists an entity tag, or is `*`.
  ///
  /// `entityTag` is as sent in ETag, quotes included. A list is read up to its first mistake. Weak tags
  /// are like strong ones, unless the comparison is to be strong: then they match nothing.
  package static func matches(
    _ field: Bytes?,
    _ entityTag: String,
    isStrong: Bool = false
  ) -> Bool {
    guard let field else { return false }
    var rest = trimmed(field.fieldText[...])
    if rest == "*" { return true }
    let isWeak = entityTag.hasPrefix("W/")
    let opaque = isWeak ? entityTag.dropFirst(2) : entityTag[...]
    while !rest.isEmpty {
      rest = rest.drop { $0 == "," || $0 == " " || $0 == "\t" }
      let isListedWeak = rest.hasPrefix("W/")
      if isListedWeak { rest = rest.dropFirst(2) }
      guard rest.first == "\"", let end = rest.dropFirst().firstIndex(of: "\"") else {
        return false
      }
      if rest[...end] == opaque, !isStrong || !isWeak && !isListedWeak { return true }
      rest = rest[rest.index(after: end)...]
    }
    return false
  }
}

/// Evaluates Accept-Encoding, RFC 9110 §12.5.3.
package enum ContentCoding {
  /// Whether gzip is wanted at least as much as sending the content as it is.
  ///
  /// Without the field it is not: such clients are rarely ready for it.
  package static func acceptsGzip(_ field: Bytes?) -> Bool {
    guard let field else { return false }
    var gzip: Int?
    var identity: Int?
    var others: Int?
    for item in field.fieldText.split(separator: ",") {
      let parts = item.split(separator: ";", omittingEmptySubsequences: false).map { trimmed($0) }
      guard let quality = quality(parts.dropFirst()) else { continue }
      switch parts[0].lowercased() {
      case "gzip", "x-gzip": gzip = max(gzip ?? 0, quality)
      case "identity": identity = quality
      case "*": others = quality
      default: break
      }
    }
    guard let wanted = gzip ?? others else { return false }
    return wanted > 0 && wanted >= identity ?? 0
  }

  /// The weight in thousandths, 1000 when none is given; nil when it is not one.
  private static func quality(_ parameters: ArraySlice<Substring>) -> Int? {
    guard let parameter = parameters.first(where: { $0.lowercased().hasPrefix("q=") }) else {
      return 1000
    }
    let text = parameter.dropFirst(2)
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts[0] == "0" || parts[0] == "1", let whole = Int(parts[0]) else { return nil }
    let digits = parts.count > 1 ? parts[1] : ""
    guard digits.utf8.count <= 3, digits.utf8.allSatisfy({ (48...57).contains($0) }) else {
      return nil
    }
    let fraction = Int(digits + String(repeating: "0", count: 3 - digits.utf8.count)) ?? 0
    let quality = whole * 1000 + fraction
    return quality <= 1000 ? quality : nil
  }
}
