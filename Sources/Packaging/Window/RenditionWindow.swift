internal import CMAF
internal import Wire

/// The published segments of one rendition: those that playlists list, and behind them those that
/// slow clients may still fetch.
struct RenditionWindow {
  private(set) var segments: SegmentList = []
  /// Of the event messages in them.
  private(set) var eventStreams: Set<EventStream> = []
  /// Of the segments that playlists list.
  private(set) var rates = SegmentRates.none
  /// Of the segments that playlists list, the newest first.
  private(set) var codecs: [String] = []
  private var bytes = 0
  /// What is held goes with the next media, so that playlists are never empty.
  private var isOutdated = false
  private let window: Interval

  /// - Parameter window: what playlists list.
  init(window: Interval) { self.window = window }

  var heldBytes: Int { bytes }

  mutating func apply(_ change: RenditionWriter.Change) {
    if isOutdated {
      segments = []
      eventStreams = []
      codecs = []
      bytes = 0
      isOutdated = false
    }
    switch change {
    case .part(let head, let part):
      bytes += part.byteCount
      if let last = segments.last, last.number == head.number, !last.isComplete {
        segments.replaceLast(with: last.appending(part))
      } else {
        segments.append(head.appending(part))
        if let codec = head.info?.codec, codec != codecs.first {
          codecs = [codec] + codecs.filter { $0 != codec }
        }
      }
      if !part.eventStreams.isEmpty { eventStreams.formUnion(part.eventStreams) }
    case .closed(let head, let duration, let isGap):
      guard let last = segments.last, last.number == head.number else { return }
      segments.replaceLast(with: last.closed(duration: duration, isGap: isGap))
      measure()
    case .gap(let segment):
      segments.append(segment)
    case .clear:
      isOutdated = true
    }
  }

  /// Drops the oldest segments: those that ended `retention` before the edge, and more while the
  /// byte limit is exceeded.
  ///
  /// A complete segment and the growing one are always kept.
  mutating func prune(retention: Interval, byteLimit: Int) {
    guard let last = segments.last else { return }
    let edge = last.endTime.microseconds
    let horizon = edge - retention.nanoseconds / 1000
    var dropped = 0
    var freed = 0
    while segments.count - dropped > 2 {
      let oldest = segments[dropped]
      guard oldest.endTime.microseconds < horizon || bytes - freed > byteLimit else { break }
      freed += oldest.byteCount
      dropped += 1
    }
    guard dropped > 0 else { return }
    segments.removeOldest(dropped)
    bytes -= freed
    if !eventStreams.isEmpty { eventStreams = segments.eventStreams }
  }

  private mutating func measure() {
    guard let edge = segments.last?.endTime.microseconds else { return }
    let horizon = edge - window.nanoseconds / 1000
    rates = SegmentRates(of: segments.drop { $0.endTime.microseconds <= horizon })
    if codecs.count > 1 { forgetCodecs(before: horizon) }
  }

  private mutating func forgetCodecs(before horizon: Int64) {
    let place = segments.firstIndex { $0.endTime.microseconds > horizon } ?? segments.endIndex
    // A playlist lists so many, however long they are.
    let first = max(segments.startIndex, min(place, segments.endIndex - Self.fewestListed))
    let listed = Set(segments[first...].compactMap { $0.info?.codec })
    codecs.removeAll { !listed.contains($0) }
  }

  private static let fewestListed = 7
}
