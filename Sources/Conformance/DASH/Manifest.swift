internal import Wire

/// An MPD as it was read: what is absent is nil, and nothing is repaired.
///
/// ISO/IEC 23009-1 §5.3.1.
struct Manifest: Sendable, Hashable {
  /// A `UTCTiming`.
  struct Clock: Sendable, Hashable {
    let scheme: String
    let value: String
  }

  /// A `ServiceDescription`'s `Latency` and `PlaybackRate`.
  struct Service: Sendable, Hashable {
    /// Targets in milliseconds, one for each `Latency` that tells one.
    let latencyTargets: [Int64]
    let hasPlaybackRate: Bool
  }

  var isDynamic = false
  var id: String?
  var profiles: [String] = []
  /// Whether it is for players that know segment sequences, and for no others.
  var isOfSequences: Bool { profiles.contains("urn:mpeg:dash:profile:advanced-linear:2025") }
  var availabilityStart: UTCTime?
  var publishTime: UTCTime?
  var minimumUpdatePeriod: Interval?
  var timeShiftBufferDepth: Interval?
  var minBufferTime: Interval?
  var maxSegmentDuration: Interval?
  var suggestedPresentationDelay: Interval?
  var presentationDuration: Interval?
  /// As written, in order.
  var locations: [String] = []
  var patchLocations: [String] = []
  var clocks: [Clock] = []
  var services: [Service] = []
  /// In order; `Manifest/Period/start` is resolved.
  var periods: [Period] = []

  /// Every Representation with the Period and set it is in, in document order.
  var representations: [(period: Period, set: AdaptationSet, representation: Representation)] {
    periods.flatMap { period in
      period.sets.flatMap { set in set.representations.map { (period, set, $0) } }
    }
  }

  /// Whether segments are offered before they are whole.
  var isLowLatency: Bool {
    isDynamic && representations.contains { $0.representation.template.isOfferedEarly }
  }
}

extension Manifest {
  /// ISO/IEC 23009-1 §5.3.2.
  struct Period: Sendable, Hashable {
    var id: String?
    /// As written; nil when it follows from the Period before.
    var explicitStart: Interval?
    /// From the start of the presentation.
    var start = Interval.zero
    /// As written.
    var explicitDuration: Interval?
    /// To the next Period or the end; nil when it is open.
    var duration: Interval?
    var sets: [AdaptationSet] = []
  }

  /// ISO/IEC 23009-1 §5.3.3.
  struct AdaptationSet: Sendable, Hashable {
    /// A `SupplementalProperty` that ties a Period to an earlier one.
    struct Continuation: Sendable, Hashable {
      /// Whether the timeline goes on too, not only the init segment.
      let isContinuous: Bool
      let periodID: String
    }

    var id: String?
    var contentType: String?
    /// As written, for what must be a literal.
    var segmentAlignment: String?
    var startWithSAP: String?
    var inbandSchemes: [String] = []
    var continuations: [Continuation] = []
    var producerTimes: [ReferenceTime] = []
    var resyncs: [Resync] = []
    var representations: [Representation] = []

    /// Whether it is video, as far as types tell.
    var isVideo: Bool {
      contentType == "video"
        || representations.contains { $0.mimeType?.hasPrefix("video/") ?? false }
    }
  }

  /// A `ProducerReferenceTime`.
  ///
  /// ISO/IEC 23009-1 §5.12.
  struct ReferenceTime: Sendable, Hashable {
    let id: String?
    let type: String
    /// nil when it is not a date.
    let wallClock: UTCTime?
    /// In ticks; nil when it is not a number.
    let presentationTime: Int64?
    let clock: Clock?
  }

  /// A `Resync`.
  ///
  /// ISO/IEC 23009-1 §5.13.
  struct Resync: Sendable, Hashable {
    let type: String?
    let interval: String?
  }

  /// ISO/IEC 23009-1 §5.3.5.
  struct Representation: Sendable, Hashable {
    var id: String?
    /// Bits per second.
    var bandwidth: Int64?
    var codecs: String?
    var mimeType: String?
    /// Of the first `BaseURL` of each level, outermost first.
    var bases: [String] = []
    var template = SegmentTemplate()
    var inbandSchemes: [String] = []
  }
}
