internal import Wire
internal import XML

/// Reads MPDs, and notes what in them can't be read.
struct ManifestReader {
  /// Periods, sets or Representations at one place; a peer that sends more is cut off.
  static let maximumItems = 1000

  /// What could not be read, in words; at most `maximumItems`.
  private(set) var faults: [String] = []

  /// Reads a root element; throws when it is no MPD.
  static func read(_ root: XMLElement) throws(XMLError) -> (manifest: Manifest, faults: [String]) {
    guard root.name == "MPD", root.namespace == "urn:mpeg:dash:schema:mpd:2011" else {
      throw XMLError(line: root.line, message: "the root is \(root.name), not an MPD")
    }
    var reader = ManifestReader()
    let manifest = reader.manifest(root)
    return (manifest, reader.faults)
  }

  private mutating func manifest(_ root: XMLElement) -> Manifest {
    var manifest = Manifest()
    manifest.isDynamic = root["type"] == "dynamic"
    manifest.id = root["id"]
    manifest.profiles = (root["profiles"] ?? "").split(separator: ",").map { trimmed($0) }
    manifest.availabilityStart = date(root, "availabilityStartTime")
    manifest.publishTime = date(root, "publishTime")
    manifest.minimumUpdatePeriod = duration(root, "minimumUpdatePeriod")
    manifest.timeShiftBufferDepth = duration(root, "timeShiftBufferDepth")
    manifest.minBufferTime = duration(root, "minBufferTime")
    manifest.maxSegmentDuration = duration(root, "maxSegmentDuration")
    manifest.suggestedPresentationDelay = duration(root, "suggestedPresentationDelay")
    manifest.presentationDuration = duration(root, "mediaPresentationDuration")
    manifest.locations = root.children("Location").map(\.content)
    manifest.patchLocations = root.children("PatchLocation").map(\.content)
    manifest.clocks = root.children("UTCTiming").map(clock)
    manifest.services = root.children("ServiceDescription").prefix(Self.maximumItems).map {
      let targets = $0.children("Latency").compactMap { $0["target"].flatMap { Int64($0) } }
      return Manifest.Service(
        latencyTargets: targets,
        hasPlaybackRate: $0.child("PlaybackRate") != nil
      )
    }
    let level = Level(root)
    for element in root.children("Period").prefix(Self.maximumItems) {
      manifest.periods.append(period(element, level))
    }
    resolveTimes(&manifest)
    return manifest
  }

  /// What elements inside inherit.
  private struct Level {
    var bases: [String] = []
    /// Outermost first.
    var templates: [XMLElement] = []
    var baseOffers: [XMLElement] = []
    var inherited: [XMLElement] = []

    init(_ element: XMLElement) { enter(element) }

    mutating func enter(_ element: XMLElement) {
      inherited.append(element)
      if let base = element.child("BaseURL") {
        bases.append(base.content)
        baseOffers.append(base)
      }
      if let template = element.child("SegmentTemplate") { templates.append(template) }
    }

    func inside(_ element: XMLElement) -> Level {
      var level = self
      level.enter(element)
      return level
    }

    /// An attribute of the innermost element that has it.
    func attribute(_ name: String) -> String? { inherited.last { $0[name] != nil }?[name] }
  }

  private mutating func period(_ element: XMLElement, _ level: Level) -> Manifest.Period {
    var period = Manifest.Period()
    period.id = element["id"]
    period.explicitStart = duration(element, "start")
    period.explicitDuration = duration(element, "duration")
    let level = level.inside(element)
    for child in element.children("AdaptationSet").prefix(Self.maximumItems) {
      period.sets.append(set(child, level))
    }
    return period
  }

  private mutating func set(_ element: XMLElement, _ level: Level) -> Manifest.AdaptationSet {
    var set = Manifest.AdaptationSet()
    set.id = element["id"]
    set.contentType = element["contentType"]
    set.segmentAlignment = element["segmentAlignment"]
    set.startWithSAP = element["startWithSAP"]
    set.inbandSchemes = element.children("InbandEventStream").compactMap { $0["schemeIdUri"] }
    set.continuations = element.children("SupplementalProperty").compactMap { property in
      let scheme = property["schemeIdUri"] ?? ""
      let isContinuous = scheme == "urn:mpeg:dash:period-continuity:2015"
      guard isContinuous || scheme == "urn:mpeg:dash:period-connectivity:2015" else { return nil }
      return Manifest.AdaptationSet.Continuation(
        isContinuous: isContinuous,
        periodID: property["value"] ?? ""
      )
    }
    let level = level.inside(element)
    let members = element.children("Representation").prefix(Self.maximumItems)
    for holder in [element] + members {
      for time in holder.children("ProducerReferenceTime").prefix(Self.maximumItems) {
        set.producerTimes.append(referenceTime(time))
      }
      for resync in holder.children("Resync").prefix(Self.maximumItems) {
        set.resyncs.append(Manifest.Resync(type: resync["type"], interval: resync["dT"]))
      }
    }
    for member in members {
      set.representations.append(representation(member, level.inside(member)))
    }
    return set
  }

  private mutating func representation(
    _ element: XMLElement,
    _ level: Level
  ) -> Manifest.Representation {
    var representation = Manifest.Representation()
    representation.id = element["id"]
    representation.bandwidth = number(element, "bandwidth")
    representation.codecs = level.attribute("codecs")
    representation.mimeType = level.attribute("mimeType")
    representation.bases = level.bases
    representation.inbandSchemes = element.children("InbandEventStream").compactMap {
      $0["schemeIdUri"]
    }
    representation.template = template(level)
    return representation
  }

  private mutating func template(_ level: Level) -> SegmentTemplate {
    var template = SegmentTemplate()
    for base in level.baseOffers { template.offers += offer(base) }
    for element in level.templates {
      template.isPresent = true
      if let value = number(element, "timescale") {
        if let timescale = UInt32(exactly: value), timescale > 0 {
          template.explicitTimescale = timescale
        } else {
          note(element, "timescale \(value)")
        }
      }
      template.presentationTimeOffset =
        number(element, "presentationTimeOffset") ?? template.presentationTimeOffset
      template.startNumber = number(element, "startNumber") ?? template.startNumber
      template.duration = number(element, "duration") ?? template.duration
      template.media = element["media"] ?? template.media
      template.initialization = element["initialization"] ?? template.initialization
      template.offers += offer(element)
      if let timeline = element.child("SegmentTimeline") {
        template.timeline = timeline.children("S").compactMap { run($0) }
      }
    }
    return template
  }

  private mutating func run(_ element: XMLElement) -> SegmentTemplate.Run? {
    guard let duration = number(element, "d") else {
      note(element, "S without a duration")
      return nil
    }
    return SegmentTemplate.Run(
      start: number(element, "t"),
      duration: duration,
      repeats: signedNumber(element, "r") ?? 0,
      subsegments: number(element, "k")
    )
  }

  /// What an element says about availability; empty when it says nothing.
  private mutating func offer(_ element: XMLElement) -> [SegmentTemplate.Offer] {
    let complete = element["availabilityTimeComplete"]
    var offset: Interval?
    if let text = element["availabilityTimeOffset"] {
      if text == "INF" {
        offset = DurationText.maximum
      } else if let seconds = Double(text), seconds >= 0, seconds <= DurationText.maximum.seconds {
        offset = Interval(seconds: seconds)
      } else {
        note(element, "availabilityTimeOffset \(text)")
      }
    }
    guard offset != nil || complete != nil else { return [] }
    return [SegmentTemplate.Offer(element: element.name, offset: offset, complete: complete)]
  }

  private mutating func referenceTime(_ element: XMLElement) -> Manifest.ReferenceTime {
    Manifest.ReferenceTime(
      id: element["id"],
      type: element["type"] ?? "encoder",
      wallClock: date(element, "wallClockTime"),
      presentationTime: number(element, "presentationTime"),
      clock: element.child("UTCTiming").map(clock)
    )
  }

  private func clock(_ element: XMLElement) -> Manifest.Clock {
    Manifest.Clock(scheme: element["schemeIdUri"] ?? "", value: element["value"] ?? "")
  }

  /// Fills in the starts and durations that follow from others.
  ///
  /// ISO/IEC 23009-1 §5.3.2.1.
  private func resolveTimes(_ manifest: inout Manifest) {
    var next: Interval?
    for index in manifest.periods.indices {
      let period = manifest.periods[index]
      let start = period.explicitStart ?? next ?? .zero
      manifest.periods[index].start = start
      next = period.explicitDuration.map { min(start + $0, DurationText.maximum) }
    }
    for index in manifest.periods.indices {
      let following: Interval? =
        index + 1 < manifest.periods.count
        ? manifest.periods[index + 1].start : manifest.presentationDuration
      let start = manifest.periods[index].start
      manifest.periods[index].duration =
        manifest.periods[index].explicitDuration
        ?? following.map { Interval(nanoseconds: $0.nanoseconds - start.nanoseconds) }
    }
  }

  private mutating func date(_ element: XMLElement, _ name: String) -> UTCTime? {
    guard let text = element[name] else { return nil }
    if let time = DateTimeText.read(trimmed(text)) { return time }
    note(element, "\(name) \(text)")
    return nil
  }

  private mutating func duration(_ element: XMLElement, _ name: String) -> Interval? {
    guard let text = element[name] else { return nil }
    if let value = DurationText.read(trimmed(text)) { return value }
    note(element, "\(name) \(text)")
    return nil
  }

  /// A number from 0 up to, not including, 2^62.
  private mutating func number(_ element: XMLElement, _ name: String) -> Int64? {
    guard let value = signedNumber(element, name) else { return nil }
    if value >= 0 { return value }
    note(element, "\(name) \(value)")
    return nil
  }

  private mutating func signedNumber(_ element: XMLElement, _ name: String) -> Int64? {
    guard let text = element[name] else { return nil }
    if let value = Int64(trimmed(text)), value > -1 << 62, value < 1 << 62 { return value }
    note(element, "\(name) \(text)")
    return nil
  }

  private mutating func note(_ element: XMLElement, _ fault: String) {
    guard faults.count < Self.maximumItems else { return }
    faults.append("line \(element.line): \(element.name) \(fault)")
  }
}

extension XMLElement {
  /// The text without what stands around it.
  var content: String {
    let isBlank: (Character) -> Bool = { $0.isWhitespace }
    let start = text.drop(while: isBlank)
    return start.lastIndex { !isBlank($0) }.map { String(start[...$0]) } ?? ""
  }
}
