internal import Foundation
internal import Wire

/// A request of `Fixtures/HTTP/requests.json`, and what becomes of it.
package struct RequestCase: Sendable, Decodable, CustomStringConvertible {
  /// What is left of the connection.
  package enum End: String, Sendable, Decodable {
    case kept, closed
  }

  private enum Piece: Sendable, Decodable {
    case text(String)
    case repeated(String, Int)

    private enum CodingKeys: String, CodingKey {
      case `repeat`, times
    }

    init(from decoder: any Decoder) throws {
      if let text = try? decoder.singleValueContainer().decode(String.self) {
        self = .text(text)
      } else {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self = .repeated(
          try container.decode(String.self, forKey: .repeat),
          try container.decode(Int.self, forKey: .times)
        )
      }
    }

    var text: String {
      switch self {
      case .text(let text): text
      case .repeated(let text, let times): String(repeating: text, count: times)
      }
    }
  }

  package let name: String
  /// Where it is written what becomes of it.
  package let section: String
  private let request: [Piece]
  /// Statuses, one for each request.
  package let answers: [Int]
  package let end: End
  /// Whether the last answer is the connection's own, to what is no request that it hands out.
  package let refused: Bool

  package var description: String { name }

  /// The bytes that are sent, where `media` is the path of something with ranges and at least 6 bytes,
  /// and `tag` its entity tag, with quotes.
  package func bytes(media: String, tag: String) -> [UInt8] {
    let text = request.map(\.text).joined()
      .replacingOccurrences(of: "{media}", with: media)
      .replacingOccurrences(of: "{tag}", with: tag)
    // A character of the file stands for a byte.
    return text.unicodeScalars.map { UInt8($0.value) }
  }

  package static let all: [RequestCase] = {
    guard let data = try? MediaFixture.bytes("HTTP/requests.json"),
      let cases = try? JSONDecoder().decode([RequestCase].self, from: Data(data.array))
    else { return [] }
    return cases
  }()
}
