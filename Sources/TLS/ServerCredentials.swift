import COpenSSL
package import Wire

/// What a server shows of itself and asks of its clients.
///
/// Values, so that every loop makes a context of its own of them, and all know each other's tickets.
package struct ServerCredentials: Equatable, Sendable {
  /// A certificate with what it takes to use it.
  package struct Certificate: Equatable, Sendable {
    /// Where it is from, for errors.
    package var origin: String
    /// PEM: the server's own, then those that vouch for it.
    package var chain: Bytes
    /// PEM, not encrypted.
    package var key: Bytes

    package init(origin: String, chain: Bytes, key: Bytes) {
      self.origin = origin
      self.chain = chain
      self.key = key
    }
  }

  /// The first is shown to clients that ask for no name, or for one that none has.
  package var certificates: [Certificate]
  /// PEM: whose certificates clients must show; nil when they need not.
  package var clientAuthorities: Bytes?
  let ticketKey: [UInt8]

  /// Takes certificates, at least one, and makes a key for tickets.
  package init(certificates: [Certificate], clientAuthorities: Bytes? = nil) {
    precondition(!certificates.isEmpty, "a server has a certificate")
    self.certificates = certificates
    self.clientAuthorities = clientAuthorities
    var key = [UInt8](repeating: 0, count: Self.ticketKeyBytes)
    // Without randomness there are no tickets that anybody could read: OpenSSL refuses to go on.
    let hasKey = unsafe RAND_bytes(&key, CInt(key.count)) == 1
    ticketKey = hasKey ? key : []
  }

  /// OpenSSL's size of a name, a key for encryption and one for authentication.
  private static let ticketKeyBytes = 80
}
