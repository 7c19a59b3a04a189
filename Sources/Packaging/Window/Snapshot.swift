package import CMAF
package import Wire

/// Everything that readers see of one rendition at one moment; immutable.
package struct RenditionSnapshot: Sendable {
  /// What its newest segment is.
  package let info: RenditionInfo
  /// Oldest first, numbers ascending by one except where the window was cleared; only the last may
  /// be growing.
  ///
  /// Starts with segments that have left the playlist but stay downloadable.
  package let segments: SegmentList
  /// Of the event messages in them.
  package let eventStreams: Set<EventStream>
  package let rates: SegmentRates
  /// Codecs of those that playlists list, the newest first.
  package let codecs: [String]
  /// The duration of the newest chunk, in ticks; 0 while there is none.
  package let chunkDuration: Int64
  /// The numbers of the segments that it has beside the other renditions': Periods begin at both ends.
  ///
  /// Empty as long as it is not to be named at all.
  package let shownNumbers: Range<Int64>
  /// The publisher has it no more: nothing will be added, and what there is stays for those who play it.
  package let isRetired: Bool

  /// Takes what is known of the segments already: `eventStreams` and `codecs`.
  init(
    info: RenditionInfo,
    segments: SegmentList,
    eventStreams: Set<EventStream>,
    rates: SegmentRates,
    codecs: [String],
    chunkDuration: Int64,
    shownNumbers: Range<Int64>,
    isRetired: Bool
  ) {
    self.info = info
    self.segments = segments
    self.eventStreams = eventStreams
    self.rates = rates
    self.codecs = codecs.isEmpty ? [info.codec] : codecs
    self.chunkDuration = chunkDuration
    self.shownNumbers = shownNumbers
    self.isRetired = isRetired
  }

  package init(
    info: RenditionInfo,
    segments: some Sequence<Segment>,
    rates: SegmentRates = .none,
    chunkDuration: Int64 = 0,
    shownNumbers: Range<Int64> = .min..<(.max),
    isRetired: Bool = false
  ) {
    let segments = SegmentList(segments)
    self.init(
      info: info,
      segments: segments,
      eventStreams: segments.eventStreams,
      rates: rates,
      codecs: [],
      chunkDuration: chunkDuration,
      shownNumbers: shownNumbers,
      isRetired: isRetired
    )
  }

  /// Whether a player that comes now is told of it.
  package var isNamed: Bool { edge != nil && !isRetired && !shownNumbers.isEmpty }

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
    /// How long after its time on the publisher's clock media is available here, in milliseconds.
    package var publishDelayMilliseconds: Int
    /// UTC of media time 0 of the first epoch.
    package var zero: UTCTime

    package init(
      targetDuration: Int,
      partTargetMilliseconds: Int,
      segmentLength: MediaTime,
      window: Interval,
      publishDelayMilliseconds: Int,
      zero: UTCTime
    ) {
      self.targetDuration = targetDuration
      self.partTargetMilliseconds = partTargetMilliseconds
      self.segmentLength = segmentLength
      self.window = window
      self.publishDelayMilliseconds = publishDelayMilliseconds
      self.zero = zero
    }
  }

  /// Where a run of segments without a discontinuity or a gap in any rendition begins.
  package struct PeriodStart: Equatable, Sendable {
    /// Its first segment.
    package let number: Int64
    package let epoch: Epoch
    /// The start of the lead rendition's first segment, as served; media time 0 for the first Period of
    /// a bridge.
    package let start: MediaTime
    /// How much later its media comes than the presentation's delay says, in microseconds.
    package let extraDelay: Int64

    package init(number: Int64, epoch: Epoch, start: MediaTime, extraDelay: Int64 = 0) {
      self.number = number
      self.epoch = epoch
      self.start = start
      self.extraDelay = extraDelay
    }

    /// UTC of the start.
    package var time: UTCTime { epoch.time(ofTick: start.ticks, timescale: start.timescale) }
  }

  package let constants: Constants
  /// Video first, then audio; each in catalog order, and behind them those that came later.
  ///
  /// One that has come back may be there twice, the first time as retired.
  package let renditions: [RenditionSnapshot]
  /// Ascending; the last one is current.
  ///
  /// Never empty once a segment was published.
  package let periods: [PeriodStart]
  /// The broadcast is over; nothing will be added.
  package let isEnded: Bool

  package init(
    constants: Constants,
    renditions: [RenditionSnapshot],
    periods: [PeriodStart],
    isEnded: Bool
  ) {
    self.constants = constants
    self.renditions = renditions
    self.periods = periods
    self.isEnded = isEnded
  }

  /// Whether nothing will be added to a rendition.
  package func isOver(_ rendition: RenditionSnapshot) -> Bool { isEnded || rendition.isRetired }
}
