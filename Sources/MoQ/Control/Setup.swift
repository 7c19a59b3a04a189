import Wire

/// The first message of each side.
///
/// MOQT §"SETUP" (18 and later), §"CLIENT_SETUP and SERVER_SETUP".
package struct Setup: Hashable, Sendable {
  /// Whose message it is; from draft 18 on both sides send the same.
  package enum Sender: Sendable { case client, server, either }

  /// Whose message it is.
  package var sender: Sender
  /// The versions offered by a client, or the one that a server chose; draft 14 only.
  package var versions: [UInt64] = []
  /// The options, ascending by type.
  package var options = KeyValuePairs()

  /// Joins the parts.
  package init(sender: Sender, versions: [UInt64] = [], options: KeyValuePairs = .init()) {
    self.sender = sender
    self.versions = versions
    self.options = options
  }

  /// Option types.
  package enum Option {
    /// Path and query, from a client on raw QUIC.
    package static let path: UInt64 = 0x01
    /// The first request id that the peer may not use; drafts 14 and 16.
    package static let maximumRequestID: UInt64 = 0x02
    /// A token for the whole session.
    package static let authorizationToken: UInt64 = 0x03
    /// Host and port, from a client on raw QUIC.
    package static let authority: UInt64 = 0x05
    /// How many ranges a filter may have; draft 20 and later.
    package static let maximumFilterRanges: UInt64 = 0x06
    /// The name and version of the software.
    package static let implementation: UInt64 = 0x07
    /// How many updates may be unanswered; draft 20 and later.
    package static let maximumRequestUpdates: UInt64 = 0x08
  }
}

extension DraftReader {
  mutating func setup(_ sender: Setup.Sender) throws(CodingError) -> Setup {
    var setup = Setup(sender: sender)
    if profile.versionsInSetup {
      let count = sender == .client ? try integer() : 1
      for _ in 0..<count { setup.versions.append(try integer()) }
    }
    setup.options =
      sender == .either ? try keyValuePairsToEnd() : try countedKeyValuePairs()
    return setup
  }
}

extension DraftWriter {
  mutating func setup(_ setup: Setup) {
    if profile.versionsInSetup {
      if setup.sender == .client { integer(UInt64(setup.versions.count)) }
      for version in setup.versions { integer(version) }
    }
    if setup.sender == .either {
      keyValuePairs(setup.options)
    } else {
      countedKeyValuePairs(setup.options)
    }
  }
}
