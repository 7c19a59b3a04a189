internal import Wire
internal import XML

/// One MPD as it was fetched.
struct ManifestObservation: Sendable {
  let url: WebURL
  let bytes: Bytes
  let root: XMLElement
  let manifest: Manifest
  /// What in it couldn't be read, in words.
  let faults: [String]
  /// When it was asked for, and when it was there.
  let requested: UTCTime
  let received: UTCTime

  /// Reads an MPD; what keeps it from being one fails DASH-001 and gives nil.
  init?(
    _ bytes: Bytes,
    url: WebURL,
    requested: UTCTime,
    received: UTCTime,
    _ ledger: inout Ledger
  ) {
    do throws(XMLError) {
      root = try XMLElement(document: bytes)
      (manifest, faults) = try ManifestReader.read(root)
    } catch {
      ledger.record("DASH-001", .fail, url.description, "\(error)")
      return nil
    }
    self.url = url
    self.bytes = bytes
    self.requested = requested
    self.received = received
  }

  var subject: String { url.description }

  /// When a segment is whole; nil without an availabilityStartTime.
  func availability(
    of segment: SegmentTemplate.Listed,
    in period: Manifest.Period,
    _ template: SegmentTemplate
  ) -> UTCTime? {
    manifest.availabilityStart?.moved(by: period.start).moved(
      by: template.periodTime(ofEnd: segment)
    )
  }

  /// The segments that a Representation lists, as far as they begin before `time`.
  func listed(
    _ representation: Manifest.Representation,
    in period: Manifest.Period,
    until time: UTCTime
  ) -> [SegmentTemplate.Listed] {
    let template = representation.template
    let elapsed =
      manifest.availabilityStart.map { time.since($0.moved(by: period.start)) } ?? .zero
    let end = manifest.isDynamic ? min(elapsed, period.duration ?? elapsed) : period.duration
    guard template.timeline == nil else {
      let ticks = end.map {
        Int64(clamping: Int128($0.nanoseconds) * Int128(template.timescale) / 1_000_000_000)
          .addingReportingOverflow(template.presentationTimeOffset)
      }
      return template.listed(until: ticks.map { $0.overflow ? .max : $0.partialValue })
    }
    guard let end else { return [] }
    let window = manifest.isDynamic ? manifest.timeShiftBufferDepth : nil
    let first = window.map { Interval(nanoseconds: end.nanoseconds &- $0.nanoseconds) } ?? .zero
    // A Period's last instant begins no segment.
    let last = Interval(nanoseconds: end.nanoseconds - 1)
    return template.numbered(from: first, until: last)
  }
}
