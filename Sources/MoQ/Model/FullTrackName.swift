package import Wire

/// A namespace and a name: what identifies a track everywhere.
package struct FullTrackName: Hashable, Sendable {
  /// The namespace the track is published under.
  package let namespace: TrackNamespace
  /// The name inside the namespace; may be empty.
  package let name: Bytes

  /// Joins a namespace and a name.
  package init(namespace: TrackNamespace, name: Bytes) {
    self.namespace = namespace
    self.name = name
  }

  /// Joins a namespace and a name given as text.
  package init(_ namespace: TrackNamespace, _ name: String) {
    self.init(namespace: namespace, name: Bytes(utf8: name))
  }

  /// Whether any draft can carry this name: 1…32 non-empty fields, 4,096 bytes in all.
  package var isValid: Bool {
    (1...TrackNamespace.maximumFields).contains(namespace.fields.count)
      && namespace.fields.allSatisfy { !$0.isEmpty }
      && namespace.byteCount + name.count <= TrackNamespace.maximumBytes
  }
}

extension FullTrackName: CustomStringConvertible {
  /// The form that the drafts give for logs: namespace, `--`, name.
  package var description: String { "\(namespace)--\(logForm(name))" }
}
