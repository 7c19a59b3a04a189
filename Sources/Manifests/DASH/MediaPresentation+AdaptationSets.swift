internal import CMAF
internal import Packaging
internal import Wire
internal import XML

/// What a Period holds beside its segments.
extension MediaPresentation {
  func write(_ period: Period, origin: Int64, to xml: inout XMLWriter) {
    xml.start("Period")
    xml.attribute("id", period.id)
    // What comes later than the first Period's media is available later; dates tell when it was made.
    let delay = snapshot.isEnded ? 0 : period.start.extraDelay
    xml.attribute(
      "start",
      xsDuration(microseconds: period.anchor.time.microseconds + delay - origin)
    )
    for (setNumber, members) in adaptationSets(in: period.start).enumerated() {
      // A rendition without media here: an empty SegmentTimeline is not valid. It counts all the same: a
      // set keeps its id over Periods.
      let present = members.filter { !period.segments[$0].isEmpty }
      if !present.isEmpty { writeSet(present, setNumber: setNumber, period, &xml) }
    }
    xml.end()
  }

  /// The sets of a Period, video first.
  private func adaptationSets(in period: PresentationSnapshot.PeriodStart) -> [[Int]] {
    adaptationSets(of: .video, in: period) + adaptationSets(of: .audio, in: period)
  }

  /// Indices of renditions that a player may switch between: video of one codec family, audio alone
  /// with others of its language and codec.
  private func adaptationSets(
    of kind: MediaKind,
    in period: PresentationSnapshot.PeriodStart
  ) -> [[Int]] {
    var sets: [(key: String, members: [Int])] = []
    for (index, rendition) in snapshot.renditions.enumerated()
    where rendition.info.kind == kind && rendition.isShown(in: period) {
      let info = rendition.info
      let family = info.codec.prefix { $0 != "." }
      let key =
        kind == .video
        ? "\(family)|\(info.role ?? "")"
        : [
          String(family), info.language ?? "", info.role ?? "", String(info.channels),
          info.label ?? info.name,
        ].joined(separator: "|")
      if let found = sets.firstIndex(where: { $0.key == key }) {
        sets[found].members.append(index)
      } else {
        sets.append((key, [index]))
      }
    }
    return sets.map(\.members)
  }

  private func writeSet(
    _ members: [Int],
    setNumber: Int,
    _ period: Period,
    _ xml: inout XMLWriter
  ) {
    let infos = members.map { self.info(of: $0, in: period) }
    let info = infos[0]
    xml.start("AdaptationSet")
    xml.attribute("id", String(setNumber))
    xml.attribute("contentType", info.kind.rawValue)
    xml.attribute("mimeType", info.kind == .video ? "video/mp4" : "audio/mp4")
    if let language = info.language { xml.attribute("lang", language) }
    xml.attribute("segmentAlignment", "true")
    // Of a picture's parts only the first begins with an independent frame.
    if unit != .part || info.kind == .audio { xml.attribute("startWithSAP", "1") }
    if info.kind == .video {
      xml.attribute("maxWidth", String(infos.map(\.width).max() ?? 0))
      xml.attribute("maxHeight", String(infos.map(\.height).max() ?? 0))
    }
    if unit == .part {
      xml.element("EssentialProperty", [("schemeIdUri", "urn:mpeg:dash:ssr:2023")])
    }
    writeContinuity(members, setNumber: setNumber, period, &xml)
    for stream in eventStreams(members, period) {
      xml.start("InbandEventStream")
      xml.attribute("schemeIdUri", stream.schemeURI)
      if !stream.value.isEmpty { xml.attribute("value", stream.value) }
      xml.end()
    }
    if !snapshot.isEnded {
      xml.start("ProducerReferenceTime")
      xml.attribute("id", String(setNumber))
      xml.attribute("type", "encoder")
      xml.attribute("wallClockTime", period.anchor.time.iso8601)
      let timescale = unit == .number ? numberTimescale(of: info) : info.timescale
      xml.attribute("presentationTime", String(offset(of: period, timescale: timescale)))
      xml.element("UTCTiming", [("schemeIdUri", clockScheme), ("value", timeURL)])
      xml.end()
    }
    switch unit {
    case .segment:
      if !snapshot.isEnded { writeResync(info, &xml) }
    case .part: writeSequenceProperties(members, period, &xml)
    case .wholeSegment, .number: break
    }
    xml.element(
      "Role",
      [
        ("schemeIdUri", "urn:mpeg:dash:role:2011"),
        (
          "value",
          setNumber == 0 || info.kind == .audio && isFirstAudio(members, period)
            ? "main" : "alternate"
        ),
      ]
    )
    for index in members { writeRepresentation(index, period, &xml) }
    xml.end()
  }

  /// How many kinds of events a set names at most.
  private static let eventStreamLimit = 16

  /// The kinds of event messages in a set's segments, in order of their names.
  private func eventStreams(_ members: [Int], _ period: Period) -> some Sequence<EventStream> {
    members.reduce(into: Set<EventStream>()) { streams, index in
      streams.formUnion(period.segments[index].eventStreams)
    }.sorted().prefix(Self.eventStreamLimit)
  }

  /// Where in a growing segment a player can begin to read.
  private func writeResync(_ info: RenditionInfo, _ xml: inout XMLWriter) {
    let target = MediaTime(
      ticks: Int64(snapshot.constants.partTargetMilliseconds),
      timescale: 1000
    )
    xml.element(
      "Resync",
      [
        ("type", info.kind == .video ? "0" : "1"),
        ("dT", String(target.rounded(toScale: info.timescale))),
      ]
    )
  }

  /// Every how many parts there is one that a player can begin with.
  ///
  /// ISO/IEC 23009-1, 6th edition, §5.3.9.7.
  private func writeSequenceProperties(
    _ members: [Int],
    _ period: Period,
    _ xml: inout XMLWriter
  ) {
    let isSound = snapshot.renditions[members[0]].info.kind == .audio
    // Counted from each segment's first part: what no segment reaches is that one alone.
    let longest = members.flatMap { index in
      runs(snapshot.renditions[index], period.segments[index]).map(\.partCount)
    }.max()
    xml.element(
      "SegmentSequenceProperties",
      [("sapType", "1"), ("cadence", String(isSound ? 1 : longest ?? 1))]
    )
  }

  /// Tells that a player need not begin anew: the same init segments as in the Period before, in a set of
  /// the same id, and on the same clock the same timeline too.
  ///
  /// ISO/IEC 23009-1 §5.3.2.4.
  private func writeContinuity(
    _ members: [Int],
    setNumber: Int,
    _ period: Period,
    _ xml: inout XMLWriter
  ) {
    guard let before = period.predecessor else { return }
    let sets = adaptationSets(in: before)
    guard setNumber < sets.count, sets[setNumber].contains(members[0]) else { return }
    let isCompatible = members.allSatisfy { index in
      let segments = snapshot.renditions[index].segments
      let earlier = segments.last {
        $0.number < period.start.number && $0.number >= before.number && !$0.parts.isEmpty
      }
      return earlier.map { $0.initSegment == period.segments[index][0].initSegment } ?? false
    }
    guard isCompatible else { return }
    let isContinuous = before.epoch == period.start.epoch
    xml.element(
      "SupplementalProperty",
      [
        (
          "schemeIdUri",
          isContinuous
            ? "urn:mpeg:dash:period-continuity:2015" : "urn:mpeg:dash:period-connectivity:2015"
        ), ("value", id(of: before)),
      ]
    )
  }

  /// What a rendition is in a Period, which may be another thing than it is now.
  private func info(of index: Int, in period: Period) -> RenditionInfo {
    let rendition = snapshot.renditions[index].info
    var info = period.segments[index].last?.info ?? rendition
    info.name = rendition.name
    return info
  }

  private func isFirstAudio(_ members: [Int], _ period: Period) -> Bool {
    let first = snapshot.renditions.firstIndex {
      $0.info.kind == .audio && $0.isShown(in: period.start)
    }
    return first == members[0]
  }

  /// The decode time that stands at the Period's start.
  func offset(of period: Period, timescale: UInt32) -> Int64 {
    period.anchor.start.rounded(toScale: timescale)
  }

  private func writeRepresentation(_ index: Int, _ period: Period, _ xml: inout XMLWriter) {
    let rendition = snapshot.renditions[index]
    let info = info(of: index, in: period)
    let segments = period.segments[index]
    xml.start("Representation")
    xml.attribute("id", MediaPath.encoded(info.name))
    xml.attribute(
      "bandwidth",
      String(
        max(
          1,
          MultivariantPlaylist.rate(
            declared: info.declaredBitrate,
            measured: rendition.rates.peak
          )
        )
      )
    )
    xml.attribute("codecs", info.codec)
    if info.kind == .video {
      xml.attribute("width", String(info.width))
      xml.attribute("height", String(info.height))
      if let rate = info.frameRate {
        xml.attribute(
          "frameRate",
          rate.denominator == 1 ? "\(rate.numerator)" : "\(rate.numerator)/\(rate.denominator)"
        )
      }
    } else if info.sampleRate > 0 {
      xml.attribute("audioSamplingRate", String(info.sampleRate))
      xml.element(
        "AudioChannelConfiguration",
        [
          ("schemeIdUri", "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"),
          ("value", String(info.channels)),
        ]
      )
    }
    writeTemplate(rendition, info, segments, period, &xml)
    xml.end()
  }
}
