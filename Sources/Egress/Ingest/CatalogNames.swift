internal import MoQ
internal import Wire

/// Where a broadcast's catalog may be.
enum CatalogNames {
  /// In the order of their use in the world: MSF, hang, catalogformat.
  private static let usual = ["catalog", "catalog.json", ".catalog"]

  /// The configured track, or the usual ones, under the namespace as a tuple and as one field.
  static func candidates(
    for namespace: TrackNamespace,
    _ upstream: Configuration.Upstream
  ) -> [FullTrackName] {
    let names = upstream.catalogTrack.isEmpty ? usual : [upstream.catalogTrack]
    var namespaces = [namespace]
    if namespace.fields.count > 1 {
      namespaces.append(
        TrackNamespace([Bytes(utf8: namespace.joined(separator: upstream.namespaceSeparator))])
      )
    }
    return namespaces.flatMap { namespace in names.map { FullTrackName(namespace, $0) } }
  }
}
