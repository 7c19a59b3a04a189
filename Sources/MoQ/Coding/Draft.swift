internal import Wire

/// A version of MOQT that this module speaks.
package enum Draft: Int, CaseIterable, Comparable, Sendable {
  case draft14 = 14
  case draft16 = 16
  case draft18 = 18
  case draft20 = 20
  case draft22 = 22

  /// The drafts in the order in which a client should offer them.
  ///
  /// 18 stands ahead of 22 because some relays speak draft 20 under the name of 22.
  package static let offerOrder: [Draft] = [.draft18, .draft22, .draft20, .draft16, .draft14]

  /// The draft that an ALPN identifier or a WebTransport subprotocol names; nil when none.
  package init?(alpn: String) {
    guard let draft = Draft.allCases.first(where: { $0.alpn == alpn }) else { return nil }
    self = draft
  }

  /// The ALPN identifier on raw QUIC, and the subprotocol on WebTransport from draft 16 on.
  package var alpn: String { self == .draft14 ? "moq-00" : "moqt-\(rawValue)" }

  /// The number that stands for this draft in a version list, `0xff000000` plus the draft.
  package var versionCode: UInt64 { 0xff00_0000 + UInt64(rawValue) }

  /// The largest integer that can be written.
  var largestInteger: UInt64 { profile.integers == .quic ? ByteWriter.maximumVarint : .max }

  package static func < (left: Draft, right: Draft) -> Bool { left.rawValue < right.rawValue }

  /// Everything in which this draft's bytes differ from the others'.
  package var profile: WireProfile {
    switch self {
    case .draft14: .draft14
    case .draft16: .draft16
    case .draft18: .draft18
    case .draft20: .draft20
    case .draft22: .draft22
    }
  }
}

/// The complete surface on which the drafts differ on the wire; one constant per draft.
package struct WireProfile: Sendable {
  /// How integers are written.
  package enum IntegerForm: Sendable { case quic, vi64 }
  /// Which streams carry control messages.
  package enum Topology: Sendable {
    /// One bidirectional stream for everything.
    case singleStream
    /// The same, with one more stream per SUBSCRIBE_NAMESPACE.
    case singleStreamAndNamespaces
    /// Two unidirectional control streams, and one bidirectional stream per request.
    case streamPerRequest
  }
  /// Where the settings of a request are.
  package enum ParameterForm: Sendable {
    /// Mostly in fixed fields; parameters are key-value pairs of absolute type (14).
    case fixedFields
    /// In parameters whose value follows the parity of the type (16).
    case keyValuePairs
    /// In parameters whose value follows the definition of the type (18 and later).
    case typed
  }
  /// How the LOCATION_FILTER (once SUBSCRIPTION_FILTER) is written.
  package enum FilterForm: Sendable {
    case fields, lengthAndAbsoluteEnd, lengthAndDeltaEnd, lengthAndCount, typed
  }
  /// How an object of a FETCH response is written.
  package enum FetchObjectForm: Sendable { case absolute, flagsAndAbsolute, flagsAndDelta }
  /// How GOAWAY ends.
  package enum GoAwayForm: Sendable { case uri, uriTimeoutRequest, uriTimeout }
  /// Which numbering of codes applies.
  package enum CodeTable: Sendable { case draft14, draft16, draft18, draft20 }

  let integers: IntegerForm
  /// Types in key-value pairs are differences to the one before.
  let keyValueDelta: Bool
  let topology: Topology
  /// SETUP lists versions.
  let versionsInSetup: Bool
  /// Replies name the request they answer.
  let repliesCarryRequestID: Bool
  let parameters: ParameterForm
  let filter: FilterForm
  /// FETCH has a type and a body; otherwise a name and a filter parameter.
  let fetchHasType: Bool
  /// The end of a FETCH range is its last object; otherwise the one after it, 0 the whole group.
  let fetchEndInclusive: Bool
  let fetchObject: FetchObjectForm
  /// Bits that may be set in a SUBGROUP_HEADER type besides 0x10.
  let subgroupMask: UInt64
  /// Datagrams and subgroups may inherit the track's priority.
  let defaultPriority: Bool
  /// The status "does not exist" exists.
  let doesNotExistStatus: Bool
  /// SUBSCRIBE_OK, FETCH_OK and PUBLISH end with track properties.
  let trackProperties: Bool
  let goAway: GoAwayForm
  let codes: CodeTable
  /// Padding streams and datagrams exist.
  let padding: Bool
  /// FETCH streams may mark a range that timed out.
  let timedOutMarker: Bool
  /// A namespace may have no fields.
  let emptyNamespace: Bool

  static let draft14 = WireProfile(
    integers: .quic,
    keyValueDelta: false,
    topology: .singleStream,
    versionsInSetup: true,
    repliesCarryRequestID: true,
    parameters: .fixedFields,
    filter: .fields,
    fetchHasType: true,
    fetchEndInclusive: false,
    fetchObject: .absolute,
    subgroupMask: 0x0f,
    defaultPriority: false,
    doesNotExistStatus: true,
    trackProperties: false,
    goAway: .uri,
    codes: .draft14,
    padding: false,
    timedOutMarker: false,
    emptyNamespace: false
  )

  static let draft16 = WireProfile(
    integers: .quic,
    keyValueDelta: true,
    topology: .singleStreamAndNamespaces,
    versionsInSetup: false,
    repliesCarryRequestID: true,
    parameters: .keyValuePairs,
    filter: .lengthAndAbsoluteEnd,
    fetchHasType: true,
    fetchEndInclusive: false,
    fetchObject: .flagsAndAbsolute,
    subgroupMask: 0x2f,
    defaultPriority: true,
    doesNotExistStatus: false,
    trackProperties: true,
    goAway: .uri,
    codes: .draft16,
    padding: false,
    timedOutMarker: false,
    emptyNamespace: false
  )

  static let draft18 = streams(
    filter: .lengthAndDeltaEnd,
    isBefore20: true,
    goAway: .uriTimeoutRequest,
    codes: .draft18
  )
  static let draft20 = streams(
    filter: .lengthAndCount,
    isBefore20: false,
    goAway: .uriTimeout,
    codes: .draft20
  )
  static let draft22 = streams(
    filter: .typed,
    isBefore20: false,
    goAway: .uriTimeout,
    codes: .draft20
  )

  private static func streams(
    filter: FilterForm,
    isBefore20: Bool,
    goAway: GoAwayForm,
    codes: CodeTable
  ) -> WireProfile {
    WireProfile(
      integers: .vi64,
      keyValueDelta: true,
      topology: .streamPerRequest,
      versionsInSetup: false,
      repliesCarryRequestID: false,
      parameters: .typed,
      filter: filter,
      fetchHasType: isBefore20,
      fetchEndInclusive: !isBefore20,
      fetchObject: .flagsAndDelta,
      subgroupMask: 0x6f,
      defaultPriority: true,
      doesNotExistStatus: false,
      trackProperties: true,
      goAway: goAway,
      codes: codes,
      padding: true,
      timedOutMarker: !isBefore20,
      emptyNamespace: true
    )
  }
}
