import Egress
import MoQ
import Wire

/// Reads two catalog objects, applies the second to the first when it is a delta, and plans every
/// track; what is written reads back.
func fuzzCatalog(_ bytes: Bytes) {
  let halves = bytes.slice.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
  var limits = CatalogLimits()
  limits.tracks = 16
  guard let first = halves.first,
    case .independent(var catalog, _)? = try? CatalogUpdate.decode(Bytes(first), limits: limits)
  else { return }
  if halves.count == 2,
    let update = try? CatalogUpdate.decode(Bytes(halves[1]), continuing: catalog)
  {
    let changed: Catalog? =
      switch update {
      case .delta(let delta): try? catalog.applying(delta, limits: limits).0
      case .patch(let patch): try? catalog.applying(patch, limits: limits).0
      case .independent: nil
      }
    precondition(changed.map { $0.tracks.count <= limits.tracks } ?? true, "the limit holds")
    catalog = changed ?? catalog
  }
  let encoded = catalog.encode()
  guard case .independent(let again, _)? = try? CatalogUpdate.decode(encoded) else {
    // Only a broadcast that is over may be without tracks, so that one reads back as nothing.
    return precondition(catalog.tracks.isEmpty, "what is written can be read: \(encoded.text)")
  }
  precondition(
    again.tracks.map(\.name) == catalog.tracks.map(\.name),
    "what is written names the same tracks"
  )
}

/// Reads a configuration file; what was accepted is written as a file that reads back to the same.
func fuzzConfiguration(_ bytes: Bytes) {
  var configuration = Configuration()
  guard (try? ConfigurationFile.apply(bytes.text, name: "file", to: &configuration)) != nil else {
    return
  }
  _ = try? ConfigurationFile.validate(configuration)
  _ = configuration.upstream.trust
  var again = Configuration()
  do {
    try ConfigurationFile.apply(
      ConfigurationFile.render(configuration),
      name: "rendered",
      to: &again
    )
  } catch {
    preconditionFailure("what is written can be read: \(error)")
  }
  precondition(again == configuration, "what is written reads back as the same")
}

/// Reads the URL of an upstream; its parts make a URL with the same parts.
func fuzzUpstream(_ bytes: Bytes) {
  guard let url = try? UpstreamURL(bytes.text) else { return }
  let scheme = url.transport == .webTransport ? "https" : "moqt"
  let again = try? UpstreamURL("\(scheme)://\(url.authority)\(url.path)")
  precondition(again == url, "the parts make the URL again: \(url)")
  precondition(url.port > 0 && url.path.hasPrefix("/") && !url.host.isEmpty, "no part is missing")
}
