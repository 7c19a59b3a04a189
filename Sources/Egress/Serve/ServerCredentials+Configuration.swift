internal import LinuxIO
internal import Logging
internal import Manifests
internal import TLS
internal import Wire

extension ServerCredentials {
  /// Reads the files that a configuration names, and tries whether they can be used; nil when it
  /// names none.
  init?(_ server: Configuration.Server) throws(ConfigurationError) {
    try server.validate()
    guard !server.certificates.isEmpty else { return nil }
    var certificates: [Certificate] = []
    for pair in server.certificates {
      let paths = pair.split(separator: ":").map(String.init)
      certificates.append(
        Certificate(
          origin: pair,
          chain: try Self.read(paths[0], "server.certificates"),
          key: try Self.read(paths[1], "server.certificates")
        )
      )
    }
    var authorities: Bytes?
    if !server.clientAuthorities.isEmpty {
      authorities = try Self.read(server.clientAuthorities, "server.client-authorities")
    }
    self.init(certificates: certificates, clientAuthorities: authorities)
    do throws(TLSError) {
      _ = try ServerContext(self, protocol: ServeLoop.httpName)
    } catch {
      throw ConfigurationError("server.certificates: \(error)")
    }
  }

  /// Which certificates clients refuse by their date, now or before long, as a log would have it.
  func complaints(at now: UTCTime) -> [(level: Logger.Level, text: String)] {
    // They were tried when they were read.
    let terms = (try? ServerContext(self, protocol: ServeLoop.httpName))?.terms ?? []
    return terms.compactMap { term in
      guard term.end > now else {
        return (
          .error, "certificate \(term.origin) ended at \(term.end.iso8601): clients refuse it"
        )
      }
      guard term.end.microseconds - now.microseconds < Self.shortTerm else { return nil }
      return (.warning, "certificate \(term.origin) ends at \(term.end.iso8601)")
    }
  }

  /// Three days, in microseconds: who renews by themselves have done so by then.
  private static let shortTerm: Int64 = 259_200_000_000

  private static func read(_ path: String, _ key: String) throws(ConfigurationError) -> Bytes {
    do throws(SystemError) {
      return try FileContent.read(path, limit: fileLimit)
    } catch {
      throw ConfigurationError("\(key): \(error)")
    }
  }

  /// The largest file of certificates or keys, in bytes.
  private static let fileLimit = 1 << 20
}
