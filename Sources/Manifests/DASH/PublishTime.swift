package import Packaging
package import Wire

extension PresentationSnapshot {
  /// When the newest whole segment ended, on the publisher's clock; nil while there is none.
  var wholeEnd: UTCTime? {
    renditions.compactMap { $0.segments.last(where: \.isComplete)?.endTime }.max {
      $0.microseconds < $1.microseconds
    }
  }

  /// MPD@publishTime: a function of what the MPD lists, the same on every bridge, that grows with all
  /// that a segment brings: its end in one rendition after the other, then the next one's beginnings.
  ///
  /// Nil while there is no whole segment.
  package var publishTime: UTCTime? {
    guard let end = wholeEnd else { return nil }
    let newest = renditions.compactMap { $0.segments.last(where: \.isComplete)?.number }.max()
    let steps = renditions.reduce(0) { count, rendition in
      let hasEnded = rendition.segments.last(where: \.isComplete)?.number == newest
      let hasBegun = rendition.segments.last.map { !$0.isComplete && !$0.parts.isEmpty } ?? false
      return count + (hasEnded ? 1 : 0) + (hasBegun ? 1 : 0)
    }
    return UTCTime(microseconds: end.microseconds + Int64(steps) * 1000)
  }
}
