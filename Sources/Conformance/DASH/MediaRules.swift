internal import Wire

/// Rules that compare an MPD with the media it names.
extension DASHRules {
  /// DASH-010 and DASH-011: the init segment is what the MPD says.
  static func judge(
    header: InitHeader,
    of representation: Manifest.Representation,
    subject: String,
    _ ledger: inout Ledger
  ) {
    guard let track = header.leadingTrack, let entry = track.sampleEntries.first else { return }
    let actual = entry.codec ?? entry.format
    let declared = representation.codecs ?? ""
    ledger.expect(
      "DASH-010",
      CodecConfiguration.matches(declared: declared, actual: actual),
      subject,
      "codecs \(declared), the init segment has \(actual)"
    )
    ledger.expect(
      "DASH-011",
      track.timescale == representation.template.timescale,
      subject,
      "timescale \(representation.template.timescale), the track's is \(track.timescale)"
    )
  }

  /// DASH-013 and DASH-025: a segment is when the MPD says, and starts with a sync sample.
  static func judge(
    segment: MediaSegment,
    of track: HeaderTrack,
    listed: SegmentTemplate.Listed,
    _ template: SegmentTemplate,
    _ set: Manifest.AdaptationSet,
    subject: String,
    _ ledger: inout Ledger
  ) {
    if set.startWithSAP == "1", let startsWithSync = segment.startsWithSync {
      ledger.expect(
        "DASH-025",
        startsWithSync,
        subject,
        startsWithSync ? "starts with a sync sample" : "does not start with a sync sample"
      )
    }
    guard template.timeline != nil, let earliest = segment.earliestPresentation else {
      ledger.record("DASH-013", .notApplicable, subject, "nominal durations, or no samples")
      return
    }
    let presented = earliest.subtractingReportingOverflow(track.presentationOffset).partialValue
    let isSame =
      template.timescale == track.timescale && presented == listed.start
      && segment.duration == listed.duration
    ledger.expect(
      "DASH-013",
      isSame,
      subject,
      "S t=\(listed.start) d=\(listed.duration), the media starts at \(presented) and lasts "
        + "\(segment.duration)"
    )
  }

  /// DASH-031: the sub-segments of a segment answer and add up to it.
  static func judge(
    subsegments exchanges: [Exchange],
    of segment: Bytes,
    subject: String,
    _ ledger: inout Ledger
  ) {
    let joined = exchanges.flatMap { $0.response?.body.array ?? [] }
    let missing = exchanges.filter { !$0.isAnswered }.count
    ledger.expect(
      "DASH-031",
      missing == 0 && Bytes(joined) == segment,
      subject,
      "\(exchanges.count) sub-segments of together \(joined.count) bytes, \(missing) missing, the "
        + "segment has \(segment.count)"
    )
  }

  /// DASH-029: what is declared covers the average of every window of `minBufferTime`.
  ///
  /// `segments` are neighbours in order, each with its duration and its bytes.
  static func judge(
    bandwidth: Int64,
    of segments: [(duration: Interval, bytes: Int)],
    window: Interval,
    subject: String,
    _ ledger: inout Ledger
  ) {
    var highest = 0.0
    for start in segments.indices {
      var duration = Interval.zero
      var bytes = 0
      for segment in segments[start...] {
        duration = duration + segment.duration
        bytes += segment.bytes
        if !(duration < window) { break }
      }
      guard .zero < duration, !(duration < window) else { continue }
      highest = max(highest, Double(bytes) * 8 / duration.seconds)
    }
    guard highest > 0 else { return }
    ledger.expect(
      "DASH-029",
      highest <= Double(bandwidth),
      subject,
      "bandwidth \(bandwidth), measured \(Int64(highest))"
    )
  }
}

/// One media segment as it was fetched, by HLS or by DASH.
struct FetchedSegment: Sendable, Hashable {
  let url: WebURL
  /// Tells it from the others of its presentation.
  let rendition: String
  let kind: HeaderTrack.Kind
  /// Its decode time.
  let start: TrackTime
  let duration: TrackTime
  /// SHA-256 of the bytes.
  let digest: Bytes

  /// Whether both are the same media, as a resource or byte for byte.
  func isShared(with other: FetchedSegment) -> Bool {
    kind == other.kind && start.isSame(as: other.start)
      && (url == other.url || digest == other.digest)
  }
}

extension DASHRules {
  /// DASH-023: what HLS and DASH play at one time is the same resource, or the same bytes.
  ///
  /// A rendition of DASH that shares segments with one of HLS is judged by that one alone: HLS may lack
  /// a segment of it that it has of others, as a check begins, ends or can't keep up.
  static func judgeSharing(
    dash: [FetchedSegment],
    hls: [FetchedSegment],
    _ ledger: inout Ledger
  ) {
    var counterparts: [String: Set<String>] = [:]
    for segment in dash {
      for peer in hls where peer.isShared(with: segment) {
        counterparts[segment.rendition, default: []].insert(peer.rendition)
      }
    }
    for segment in dash {
      let peers = hls.filter { $0.kind == segment.kind }
      var same = peers.filter { $0.start.isSame(as: segment.start) }
      guard same.isEmpty else {
        if let known = counterparts[segment.rendition] {
          same.removeAll { !known.contains($0.rendition) }
        }
        guard let peer = same.first else { continue }
        ledger.expect(
          "DASH-023",
          same.contains { $0.isShared(with: segment) },
          segment.url.description,
          "HLS has \(peer.url) at \(segment.start)"
        )
        continue
      }
      let isInside = peers.contains { peer in
        peer.start.nanoseconds < segment.start.nanoseconds
          && segment.start.nanoseconds < peer.start.nanoseconds + peer.duration.nanoseconds
      }
      if isInside {
        ledger.record(
          "DASH-023",
          .fail,
          segment.url.description,
          "HLS has another boundary than \(segment.start)"
        )
      }
    }
  }

  /// DASH-024: where HLS has a discontinuity, the MPD has a Period.
  ///
  /// `discontinuities` are the decode times of the first video segments after each.
  static func judgePeriods(
    _ manifest: Manifest,
    discontinuities: [TrackTime],
    subject: String,
    _ ledger: inout Ledger
  ) {
    for time in discontinuities {
      let members = manifest.representations.filter(\.set.isVideo)
      let isListed = members.contains { _, _, representation in
        let template = representation.template
        return template.listed(until: nil).contains {
          TrackTime(ticks: $0.start, timescale: template.timescale).isSame(as: time)
        }
      }
      guard isListed else { continue }
      let isStart = members.contains { _, _, representation in
        let template = representation.template
        return template.listed(until: nil).first.map {
          TrackTime(ticks: $0.start, timescale: template.timescale).isSame(as: time)
        } ?? false
      }
      ledger.expect(
        "DASH-024",
        isStart,
        subject,
        "HLS has a discontinuity at \(time)"
      )
    }
  }
}
