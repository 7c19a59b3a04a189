package import Wire

/// An authorization token, or the alias of one.
///
/// MOQT §"Authorization Token".
package enum Token: Hashable, Sendable {
  case delete(alias: UInt64)
  case register(alias: UInt64, type: UInt64, value: Bytes)
  case useAlias(UInt64)
  case useValue(type: UInt64, value: Bytes)
}

extension DraftReader {
  /// Reads a token that ends with the input.
  mutating func token() throws(CodingError) -> Token {
    switch try integer() {
    case 0: return .delete(alias: try integer())
    case 1:
      let alias = try integer()
      let type = try integer()
      return .register(alias: alias, type: type, value: rest())
    case 2: return .useAlias(try integer())
    case 3:
      let type = try integer()
      return .useValue(type: type, value: rest())
    case let form:
      throw .violation(.keyValueFormattingError, "token of alias type \(form)")
    }
  }
}

extension DraftWriter {
  mutating func token(_ token: Token) {
    switch token {
    case .delete(let alias):
      integer(0)
      integer(alias)
    case .register(let alias, let type, let value):
      integer(1)
      integer(alias)
      integer(type)
      raw(value)
    case .useAlias(let alias):
      integer(2)
      integer(alias)
    case .useValue(let type, let value):
      integer(3)
      integer(type)
      raw(value)
    }
  }
}
