internal import Wire

/// What the files of secrets say; read again on SIGHUP.
struct AccessSecrets: Equatable, Sendable {
  /// Nil: no token is needed.
  var keys: KeyRing?
  /// Nil: anybody may ask.
  var origin: OriginSecret?

  init() {}

  /// Reads the files that a configuration names.
  init(_ access: Configuration.Access) throws(ConfigurationError) {
    if !access.tokenKeys.isEmpty {
      let file = try SecretFile.read(access.tokenKeys, "access.token-keys")
      do throws(ConfigurationError) {
        keys = try KeyRing(file)
      } catch {
        throw ConfigurationError("access.token-keys: \(access.tokenKeys): \(error)")
      }
    }
    if !access.originSecrets.isEmpty {
      let file = try SecretFile.read(access.originSecrets, "access.origin-secrets")
      do throws(ConfigurationError) {
        origin = try OriginSecret(field: access.originSecretField, file)
      } catch {
        throw ConfigurationError("access.origin-secrets: \(access.originSecrets): \(error)")
      }
    }
  }
}
