package import Wire

/// The settings of a request or a reply, wherever the draft puts them: fixed fields in 14,
/// parameters in later ones.
///
/// MOQT §"Message Parameters".
package struct Parameters: Hashable, Sendable {
  /// A value in the form that its type asks for.
  package enum Value: Hashable, Sendable {
    case integer(UInt64)
    case bytes(Bytes)
    case location(Location)
    case filter(LocationFilter)
    case fill(Parameters)
    case namespace(TrackNamespace)
    case token(Token)
  }

  /// One type with its value.
  package struct Entry: Hashable, Sendable {
    /// The absolute type.
    package var type: UInt64
    /// The value in the form that the type has.
    package var value: Value
  }

  /// The entries in ascending order of type; tokens may repeat.
  package private(set) var entries: [Entry] = []

  /// No settings.
  package init() {}

  /// Whether there is nothing.
  package var isEmpty: Bool { entries.isEmpty }

  /// Parameter types.
  enum Kind {
    static let deliveryTimeout: UInt64 = 0x02
    static let authorizationToken: UInt64 = 0x03
    static let rendezvousTimeout: UInt64 = 0x04
    static let expires: UInt64 = 0x08
    static let largestObject: UInt64 = 0x09
    static let forward: UInt64 = 0x10
    static let subscriberPriority: UInt64 = 0x20
    static let filter: UInt64 = 0x21
    static let groupOrder: UInt64 = 0x22
    static let fill: UInt64 = 0x23
    /// Filters by ranges of subgroups, objects, priorities and properties (20 and later).
    static let rangeFilters: ClosedRange<UInt64> = 0x25...0x29
    static let namespacePrefix: UInt64 = 0x34
    /// Whether a fill may say it: how long it may take, and what of it goes when.
    static func isOfFill(_ type: UInt64) -> Bool {
      switch type {
      case 0x0a, subscriberPriority, filter, groupOrder, 0x25...0x28: true
      default: false
      }
    }
  }

  /// Most that are read of a message: enough for any, little enough that keeping their order takes no time.
  static let maximumCount = 256

  /// The first value of a type; nil when absent.
  package subscript(type: UInt64) -> Value? { entries.first { $0.type == type }?.value }

  /// Replaces every value of a type; nil removes them.
  package mutating func set(_ type: UInt64, _ value: Value?) {
    entries.removeAll { $0.type == type }
    if let value { append(type, value) }
  }

  /// Adds a value after those of its type.
  package mutating func append(_ type: UInt64, _ value: Value) {
    // They come in this order as a rule.
    let index = entries.lastIndex { $0.type <= type }.map { $0 + 1 } ?? 0
    entries.insert(Entry(type: type, value: value), at: index)
  }

  func integer(_ type: UInt64) -> UInt64? {
    if case .integer(let value)? = self[type] { value } else { nil }
  }

  private mutating func set(integer type: UInt64, _ value: UInt64?) {
    set(type, value.map { .integer($0) })
  }
}

extension Parameters {
  /// After how many milliseconds the publisher gives up on an object.
  package var deliveryTimeoutMilliseconds: UInt64? {
    get { integer(Kind.deliveryTimeout) }
    set { set(integer: Kind.deliveryTimeout, newValue) }
  }

  /// After how many milliseconds the subscription ends by itself; 0 is never.
  package var expiresMilliseconds: UInt64? {
    get { integer(Kind.expires) }
    set { set(integer: Kind.expires, newValue) }
  }

  /// The newest object at the publisher; absent when there is none.
  package var largestObject: Location? {
    get { if case .location(let value)? = self[Kind.largestObject] { value } else { nil } }
    set { set(Kind.largestObject, newValue.map { .location($0) }) }
  }

  /// Whether objects are to be sent; absent is true.
  package var forward: Bool? {
    get { integer(Kind.forward).map { $0 != 0 } }
    set { set(integer: Kind.forward, newValue.map { $0 ? 1 : 0 }) }
  }

  /// The subscriber's priority, smaller is sooner; absent is 128.
  package var subscriberPriority: UInt8? {
    get { integer(Kind.subscriberPriority).map { UInt8(truncatingIfNeeded: $0) } }
    set { set(integer: Kind.subscriberPriority, newValue.map { UInt64($0) }) }
  }

  /// Which groups go first; absent is the publisher's choice.
  package var groupOrder: GroupOrder? {
    get { integer(Kind.groupOrder).flatMap { GroupOrder(rawValue: UInt8(truncatingIfNeeded: $0)) } }
    set { set(integer: Kind.groupOrder, newValue.map { UInt64($0.rawValue) }) }
  }

  /// Which objects are asked for.
  package var filter: LocationFilter? {
    get { if case .filter(let value)? = self[Kind.filter] { value } else { nil } }
    set { set(Kind.filter, newValue.map { .filter($0) }) }
  }

  /// What to send of the past when a subscription begins (20 and later).
  package var fill: Parameters? {
    get { if case .fill(let value)? = self[Kind.fill] { value } else { nil } }
    set { set(Kind.fill, newValue.map { .fill($0) }) }
  }

  /// Whether objects are asked for by ranges, which only those may who were allowed to in SETUP.
  var hasRangeFilters: Bool { entries.contains { Kind.rangeFilters.contains($0.type) } }

  /// The first authorization token.
  package var token: Token? {
    get { if case .token(let value)? = self[Kind.authorizationToken] { value } else { nil } }
    set { set(Kind.authorizationToken, newValue.map { .token($0) }) }
  }
}

/// Which groups a publisher sends first.
package enum GroupOrder: UInt8, Sendable {
  case ascending = 1
  case descending = 2
}
