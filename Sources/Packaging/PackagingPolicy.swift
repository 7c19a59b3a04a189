package import Wire

/// How a broadcast is cut and how much of it is kept.
///
/// Two bridges give identical bytes only when they run with the same policy.
package struct PackagingPolicy: Equatable, Sendable {
  /// The longest part.
  ///
  /// A publisher whose chunks are longer raises it to the longest chunk.
  package var partTarget: Interval = .milliseconds(500)
  /// The shortest segment; the actual length is the smallest whole number of groups that reaches it.
  package var segmentTarget: Interval = .seconds(2)
  /// Media that playlists and manifests list.
  package var window: Interval = .seconds(60)
  /// How long after its time on the publisher's clock media is promised; zero: as measured.
  package var publishDelay: Interval = .seconds(0)
  /// Media bytes held for one rendition, listed or still downloadable.
  package var windowBytes = 64 << 20
  /// The most of it that one segment may take; what comes past it is dropped.
  package var segmentBytes: Int { windowBytes / 4 }
  /// How long an object that arrived waits for one missing before it, while nothing comes that goes before both.
  package var holePatience: Interval = .milliseconds(1500)
  /// The most lost sound that the frame before it stands in for; what is longer is a gap.
  package var concealment: Interval = .milliseconds(120)
  /// How long the first group may take before packaging starts without a silent track.
  package var primingPatience: Interval = .seconds(6)
  /// How long the other renditions wait for one that falls behind.
  package var stallPatience: Interval = .milliseconds(1500)
  /// Missing segments that are listed as gaps; after a longer outage the playlist starts afresh.
  package var gapLimit = 10
  /// Bytes of one track that wait for objects missing before them.
  package var reorderBytes = 16 << 20

  package init() {}
}
