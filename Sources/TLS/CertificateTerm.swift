import COpenSSL
package import Wire

/// Until when a certificate is valid.
package struct CertificateTerm: Equatable, Sendable {
  /// As of ``ServerCredentials/Certificate/origin``.
  package let origin: String
  package let end: UTCTime

  package init(origin: String, end: UTCTime) {
    self.origin = origin
    self.end = end
  }

  /// Of a context that has its certificate; nil when that says nothing that can be read.
  init?(of context: TLSContext, origin: String) {
    let seconds = unsafe copenssl_end(context.pointer)
    // Beyond what microseconds can count, no clock comes.
    guard seconds != .min, abs(seconds) < Int64.max / 1_000_000 else { return nil }
    self.init(origin: origin, end: UTCTime(microseconds: seconds * 1_000_000))
  }
}
