/// What a request error code means; the numbers differ by draft, and in draft 14 by message.
///
/// MOQT §"REQUEST_ERROR".
package enum RequestErrorMeaning: Sendable {
  case internalError, unauthorized, timeout, notSupported, doesNotExist, malformedAuthToken
  case expiredAuthToken, invalidRange, uninterested, prefixOverlap, noObjects
  case unknownStatusInRange, invalidJoiningRequestID, malformedTrack, goingAway, excessiveLoad
  case duplicateSubscription, namespaceTooLarge, unsupportedExtension, redirect
  case conflictingFilters, invalidFilter
  /// A number that the draft does not define; never a reason to end the session.
  case unknown

  /// The meaning of a code in a draft.
  package init(code: UInt64, draft: Draft, kind: RequestKind) {
    self = Self.table(draft, kind).first { $0.code == code }?.meaning ?? .unknown
  }

  /// The code that says this in a draft, or INTERNAL_ERROR where none does.
  package func code(in draft: Draft, kind: RequestKind) -> UInt64 {
    Self.table(draft, kind).first { $0.meaning == self }?.code ?? 0
  }

  private typealias Entry = (code: UInt64, meaning: RequestErrorMeaning)

  private static let common: [Entry] = [
    (0, .internalError), (1, .unauthorized), (2, .timeout), (3, .notSupported),
  ]
  private static let tokens14: [Entry] = [(0x10, .malformedAuthToken), (0x12, .expiredAuthToken)]
  private static let since16: [Entry] =
    common + [
      (4, .malformedAuthToken), (5, .expiredAuthToken), (0x10, .doesNotExist),
      (0x11, .invalidRange), (0x12, .malformedTrack), (0x20, .uninterested),
      (0x30, .prefixOverlap),
    ]
  private static let since18: [Entry] =
    since16 + [
      (6, .goingAway), (9, .excessiveLoad), (0x31, .namespaceTooLarge),
      (0x33, .unsupportedExtension), (0x34, .redirect),
    ]

  private static let subscribe14: [Entry] =
    common + tokens14 + [(4, .doesNotExist), (5, .invalidRange)]
  private static let fetch14: [Entry] =
    subscribe14 + [
      (6, .noObjects), (7, .invalidJoiningRequestID), (8, .unknownStatusInRange),
      (9, .malformedTrack),
    ]
  private static let publish14: [Entry] = common + tokens14 + [(4, .uninterested)]
  private static let namespace14: [Entry] =
    common + tokens14 + [(4, .doesNotExist), (5, .prefixOverlap)]
  private static let all16: [Entry] =
    since16 + [(0x19, .duplicateSubscription), (0x32, .invalidJoiningRequestID)]
  private static let all18: [Entry] =
    since18 + [(0x19, .duplicateSubscription), (0x32, .invalidJoiningRequestID)]
  private static let all20: [Entry] =
    since18 + [(0x35, .conflictingFilters), (0x36, .invalidFilter)]

  private static func table(_ draft: Draft, _ kind: RequestKind) -> [Entry] {
    switch draft.profile.codes {
    case .draft14:
      switch kind {
      case .subscribe, .trackStatus, .other: subscribe14
      case .fetch: fetch14
      case .publish, .publishNamespace: publish14
      case .subscribeNamespace: namespace14
      }
    case .draft16: all16
    case .draft18: all18
    case .draft20: all20
    }
  }
}

/// Why a publisher sends no more of a subscription.
///
/// MOQT §"PUBLISH_DONE".
package enum PublishDoneStatus: Sendable {
  case internalError, unauthorized, trackEnded, subscriptionEnded, goingAway, expired
  case tooFarBehind, malformedTrack, updateFailed, excessiveLoad
  /// A number that the draft does not define.
  case unknown

  /// The meaning of a status in a draft.
  package init(code: UInt64, draft: Draft) {
    self = Self.table(draft).first { $0.code == code }?.meaning ?? .unknown
  }

  /// The status that says this in a draft, or INTERNAL_ERROR where none does.
  package func code(in draft: Draft) -> UInt64 {
    Self.table(draft).first { $0.meaning == self }?.code ?? 0
  }

  private typealias Entry = (code: UInt64, meaning: PublishDoneStatus)

  private static let common: [Entry] = [
    (0, .internalError), (1, .unauthorized), (2, .trackEnded), (4, .goingAway),
  ]
  private static let all14: [Entry] =
    common + [
      (3, .subscriptionEnded), (5, .expired), (6, .tooFarBehind), (7, .malformedTrack),
    ]
  private static let all16: [Entry] =
    common + [
      (3, .subscriptionEnded), (5, .expired), (6, .tooFarBehind), (8, .updateFailed),
      (0x12, .malformedTrack),
    ]
  private static let all20: [Entry] =
    common + [
      (5, .tooFarBehind), (6, .expired), (8, .updateFailed), (9, .excessiveLoad),
      (0x12, .malformedTrack),
    ]
  private static let all18: [Entry] = all20 + [(3, .subscriptionEnded)]
  // Draft 20 has only one word for both ends.
  private static let since20: [Entry] = all20 + [(2, .subscriptionEnded)]

  private static func table(_ draft: Draft) -> [Entry] {
    switch draft.profile.codes {
    case .draft14: all14
    case .draft16: all16
    case .draft18: all18
    case .draft20: since20
    }
  }
}

/// Why a stream was reset or is not wanted.
///
/// MOQT §"Stream Reset".
package enum StreamResetMeaning: Sendable {
  case internalError, cancelled, deliveryTimeout, sessionClosed, unknownObjectStatus, goingAway
  case tooFarBehind, expiredAuthToken, excessiveLoad, malformedTrack
  /// A number that the draft does not define.
  case unknown

  /// The meaning of a code in a draft.
  package init(code: UInt64, draft: Draft) {
    self = Self.table(draft).first { $0.code == code }?.meaning ?? .unknown
  }

  /// The code that says this in a draft, or INTERNAL_ERROR where none does.
  package func code(in draft: Draft) -> UInt64 {
    Self.table(draft).first { $0.meaning == self }?.code ?? 0
  }

  private typealias Entry = (code: UInt64, meaning: StreamResetMeaning)

  private static let all14: [Entry] = [
    (0, .internalError), (1, .cancelled), (2, .deliveryTimeout), (3, .sessionClosed),
  ]
  private static let all16: [Entry] =
    all14 + [(4, .unknownObjectStatus), (0x12, .malformedTrack)]
  private static let all18: [Entry] =
    all14 + [
      (4, .goingAway), (5, .tooFarBehind), (6, .unknownObjectStatus), (7, .expiredAuthToken),
      (9, .excessiveLoad), (0x12, .malformedTrack),
    ]

  private static func table(_ draft: Draft) -> [Entry] {
    switch draft.profile.codes {
    case .draft14: all14
    case .draft16: all16
    case .draft18, .draft20: all18
    }
  }
}
