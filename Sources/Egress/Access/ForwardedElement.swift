internal import HTTP

/// What one proxy says in a Forwarded field, RFC 7239 §4.
struct ForwardedElement: Equatable {
  /// By whom the proxy was asked.
  var node: String?
  var proto: String?
  var host: String?

  /// The elements of a field's `fieldText`, oldest first; what can't be read makes an element that says
  /// nothing.
  static func list(_ text: String) -> [ForwardedElement] {
    split(text, at: ",").map { element in
      var result = ForwardedElement()
      for pair in split(element, at: ";") {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let value = value(trimmed(parts[1])) else {
          return ForwardedElement()
        }
        switch trimmed(parts[0]).lowercased() {
        case "for": result.node = value
        case "proto": result.proto = value
        case "host": result.host = value
        default: break
        }
      }
      return result
    }
  }

  /// Splits outside of quotes; at every separator when they don't match, or a viewer who opens one
  /// would hide what proxies add.
  private static func split(_ text: String, at separator: Character) -> [String] {
    var pieces: [String] = [""]
    var isQuoted = false
    var isEscaped = false
    for character in text {
      if character == separator, !isQuoted {
        pieces.append("")
        continue
      }
      if character == "\"", !isEscaped { isQuoted.toggle() }
      isEscaped = character == "\\" && isQuoted && !isEscaped
      pieces[pieces.count - 1].append(character)
    }
    guard isQuoted else { return pieces }
    return text.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
  }

  /// A token, or what is in quotes; nil for half a quoted text.
  private static func value(_ text: Substring) -> String? {
    guard text.first == "\"" else { return String(text) }
    guard text.count >= 2, text.last == "\"" else { return nil }
    var value = ""
    var isEscaped = false
    for character in text.dropFirst().dropLast() {
      if character == "\\", !isEscaped {
        isEscaped = true
      } else {
        value.append(character)
        isEscaped = false
      }
    }
    return value
  }
}
