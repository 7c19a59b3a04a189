package import CMAF
package import Wire

/// Everything that readers see of one rendition at one moment; immutable.
package struct RenditionSnapshot: Sendable {
  package let info: RenditionInfo
  /// Oldest first, numbers ascending by one except where the window was cleared; only the last may be
  /// growing. Starts with segments that have left the playlist but stay downloadable.
  package let segments: [Segment]
  /// The highest bit rate of a complete segment so far and the mean over all, bits per second.
  package let peakBitrate: Int
  package let averageBitrate: Int

  package init(
    info: RenditionInfo, segments: [Segment], peakBitrate: Int = 0, averageBitrate: Int = 0
  ) {
    self.info = info
    self.segments = segments
    self.peakBitrate = peakBitrate
    self.averageBitrate = averageBitrate
  }

  /// The newest position, nil while nothing was published.
  package var edge: PlaylistPosition? {
    guard let last = segments.last else { return nil }
    if last.isComplete { return .segment(last.number) }
    return last.parts.isEmpty ? nil : .part(last.number, last.parts.count - 1)
  }
}

/// Everything that readers see of a broadcast at one moment; immutable.
package struct PresentationSnapshot: Sendable {
  /// Constant over the life of the presentation.
  package struct Constants: Equatable, Sendable {
    /// EXT-X-TARGETDURATION in seconds.
    package var targetDuration: Int
    /// Longest part, in milliseconds.
    package var partTargetMilliseconds: Int
    /// Nominal length of a segment.
    package var segmentLength: MediaTime
    /// What playlists list.
    package var window: Interval

    package init(
      targetDuration: Int, partTargetMilliseconds: Int, segmentLength: MediaTime, window: Interval
    ) {
      self.targetDuration = targetDuration
      self.partTargetMilliseconds = partTargetMilliseconds
      self.segmentLength = segmentLength
      self.window = window
    }
  }

  package let constants: Constants
  /// Video first, then audio; each in catalog order.
  package let renditions: [RenditionSnapshot]
  /// The broadcast is over; nothing will be added.
  package let isEnded: Bool

  package init(constants: Constants, renditions: [RenditionSnapshot], isEnded: Bool) {
    self.constants = constants
    self.renditions = renditions
    self.isEnded = isEnded
  }
}
