internal import MoQ
internal import Wire

/// Where a broadcast's catalog may be.
enum CatalogNames {
  /// The configured track, or both usual ones, under the namespace as a tuple and as one field.
  static func candidates(
    for namespace: TrackNamespace,
    _ upstream: Configuration.Upstream
  ) -> [FullTrackName] {
    let names =
      upstream.catalogTrack.isEmpty ? ["catalog", "catalog.json"] : [upstream.catalogTrack]
    var namespaces = [namespace]
    if namespace.fields.count > 1 {
      namespaces.append(
        TrackNamespace([Bytes(utf8: namespace.joined(separator: upstream.namespaceSeparator))])
      )
    }
    return names.flatMap { name in namespaces.map { FullTrackName($0, name) } }
  }
}
