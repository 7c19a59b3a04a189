internal import XML

/// The shape of an MPD: which elements may follow each other where, and what their attributes hold.
///
/// It knows the elements of live presentations, ISO/IEC 23009-1 Annex B; elements it doesn't know, and
/// those of other namespaces, are passed over. It is what stands in where no schema is at hand.
enum ManifestShape {
  /// Violations reported of one document.
  static let maximumFaults = 20

  /// What an attribute holds.
  private enum Value {
    case text
    case unsigned
    case signed
    case decimal
    case boolean
    case duration
    case date
    case oneOf([String])

    func accepts(_ text: String) -> Bool {
      switch self {
      case .text: true
      case .unsigned: UInt64(text) != nil && text.first != "+"
      case .signed: Int64(text) != nil
      case .decimal: text == "INF" || Double(text)?.isFinite ?? false
      case .boolean: ["true", "false", "0", "1"].contains(text)
      case .duration: DurationText.read(text) != nil
      case .date: DateTimeText.read(text) != nil
      case .oneOf(let values): values.contains(text)
      }
    }
  }

  /// One element: its children in order, and its attributes.
  private struct Shape {
    var children: [String] = []
    var attributes: [String: Value] = [:]
    var required: Set<String> = []
    var requiredChildren: Set<String> = []
  }

  /// Violations in document order; empty when the shape is right.
  static func faults(in root: XMLElement) -> [String] {
    var faults: [String] = []
    check(root, &faults)
    return faults
  }

  private static func check(_ element: XMLElement, _ faults: inout [String]) {
    guard faults.count < maximumFaults, let shape = shapes[element.name] else { return }
    let place = "line \(element.line): \(element.name)"
    for name in shape.required.sorted() where element[name] == nil {
      faults.append("\(place) has no \(name)")
    }
    for attribute in element.attributes where attribute.namespace.isEmpty {
      guard let value = shape.attributes[attribute.name] else {
        faults.append("\(place) may not have \(attribute.name)")
        continue
      }
      if !value.accepts(trimmed(attribute.value)) {
        faults.append("\(place) \(attribute.name) is \(attribute.value)")
      }
    }
    for name in shape.requiredChildren.sorted() where element.child(name) == nil {
      faults.append("\(place) has no \(name)")
    }
    var position = 0
    for child in element.children where child.namespace == root {
      if let index = shape.children.firstIndex(of: child.name) {
        if index < position {
          faults.append("line \(child.line): \(child.name) after \(shape.children[position])")
        }
        position = max(position, index)
      } else if !shape.children.isEmpty {
        faults.append("line \(child.line): \(child.name) may not stand in \(element.name)")
      }
      check(child, &faults)
    }
  }

  private static let root = "urn:mpeg:dash:schema:mpd:2011"

  private static let shapes: [String: Shape] = [
    "MPD": presentation,
    "Period": period,
    "AdaptationSet": adaptationSet,
    "Representation": representation,
    "SegmentTemplate": segmentTemplate,
    "SegmentTimeline": Shape(children: ["S"]),
    "S": Shape(
      attributes: ["t": .unsigned, "n": .unsigned, "d": .unsigned, "r": .signed, "k": .unsigned],
      required: ["d"]
    ),
    "BaseURL": Shape(
      attributes: [
        "serviceLocation": .text, "byteRange": .text, "availabilityTimeOffset": .decimal,
        "availabilityTimeComplete": .boolean, "timeShiftBufferDepth": .duration,
        "rangeAccess": .boolean,
      ]
    ),
    "UTCTiming": descriptor, "Role": descriptor, "Accessibility": descriptor,
    "EssentialProperty": descriptor, "SupplementalProperty": descriptor,
    "AudioChannelConfiguration": descriptor,
    "InbandEventStream": Shape(
      attributes: ["schemeIdUri": .text, "value": .text, "id": .text, "timescale": .unsigned],
      required: ["schemeIdUri"]
    ),
    "ServiceDescription": Shape(
      children: [
        "Scope", "Latency", "PlaybackRate", "OperatingQuality", "OperatingBandwidth",
      ],
      attributes: ["id": .unsigned]
    ),
    "Latency": Shape(
      attributes: [
        "referenceId": .unsigned, "target": .unsigned, "max": .unsigned, "min": .unsigned,
      ]
    ),
    "PlaybackRate": Shape(attributes: ["max": .decimal, "min": .decimal]),
    "ProducerReferenceTime": Shape(
      children: ["UTCTiming"],
      attributes: [
        "id": .unsigned, "inband": .boolean,
        "type": .oneOf(["encoder", "captured", "application"]),
        "applicationScheme": .text, "wallClockTime": .text, "presentationTime": .unsigned,
      ],
      required: ["id", "wallClockTime", "presentationTime"]
    ),
    "Resync": Shape(
      attributes: [
        "type": startType, "dT": .unsigned, "dImax": .decimal, "dImin": .decimal,
        "marker": .boolean,
      ]
    ),
    "SegmentSequenceProperties": Shape(
      attributes: [
        "sapType": startType, "cadence": .unsigned, "event": .boolean, "alignment": .text,
      ]
    ),
    "PatchLocation": Shape(attributes: ["ttl": .decimal]),
  ]

  private static let startType = Value.oneOf(["0", "1", "2", "3", "4", "5", "6"])
  private static let descriptor = Shape(
    attributes: ["schemeIdUri": .text, "value": .text, "id": .text],
    required: ["schemeIdUri"]
  )

  private static let presentation = Shape(
    children: [
      "ProgramInformation", "BaseURL", "Location", "PatchLocation", "ServiceDescription",
      "InitializationSet", "InitializationGroup", "InitializationPresentation",
      "ContentProtection", "Period", "Metrics", "EssentialProperty", "SupplementalProperty",
      "UTCTiming", "LeapSecondInformation",
    ],
    attributes: [
      "id": .text, "profiles": .text, "type": .oneOf(["static", "dynamic"]),
      "availabilityStartTime": .date, "availabilityEndTime": .date, "publishTime": .date,
      "mediaPresentationDuration": .duration, "minimumUpdatePeriod": .duration,
      "minBufferTime": .duration, "timeShiftBufferDepth": .duration,
      "suggestedPresentationDelay": .duration, "maxSegmentDuration": .duration,
      "maxSubsegmentDuration": .duration,
    ],
    required: ["profiles", "minBufferTime"],
    requiredChildren: ["Period"]
  )

  private static let period = Shape(
    children: [
      "BaseURL", "SegmentBase", "SegmentList", "SegmentTemplate", "AssetIdentifier", "EventStream",
      "ServiceDescription", "ContentProtection", "AdaptationSet", "Subset", "SupplementalProperty",
      "EmptyAdaptationSet", "GroupLabel", "Preselection",
    ],
    attributes: [
      "id": .text, "start": .duration, "duration": .duration, "bitstreamSwitching": .boolean,
    ]
  )

  /// What sets and Representations have in common, and in this order come first.
  private static let common = Shape(
    children: [
      "FramePacking", "AudioChannelConfiguration", "ContentProtection", "OutputProtection",
      "EssentialProperty", "SupplementalProperty", "InbandEventStream", "Switching",
      "RandomAccess", "GroupLabel", "Label", "ProducerReferenceTime", "ContentPopularityRate",
      "Resync", "SegmentSequenceProperties",
    ],
    attributes: [
      "profiles": .text, "width": .unsigned, "height": .unsigned, "sar": .text, "frameRate": .text,
      "audioSamplingRate": .text, "mimeType": .text, "segmentProfiles": .text, "codecs": .text,
      "containerProfiles": .text, "maximumSAPPeriod": .decimal, "startWithSAP": startType,
      "maxPlayoutRate": .decimal, "codingDependency": .boolean, "scanType": .text,
      "selectionPriority": .unsigned, "tag": .text,
    ]
  )

  private static let adaptationSet = Shape(
    children: common.children + [
      "Accessibility", "Role", "Rating", "Viewpoint", "ContentComponent", "BaseURL",
      "SegmentBase", "SegmentList", "SegmentTemplate", "Representation",
    ],
    attributes: common.attributes.merging([
      "id": .unsigned, "group": .unsigned, "lang": .text, "contentType": .text, "par": .text,
      "minBandwidth": .unsigned, "maxBandwidth": .unsigned, "minWidth": .unsigned,
      "maxWidth": .unsigned, "minHeight": .unsigned, "maxHeight": .unsigned,
      "minFrameRate": .text, "maxFrameRate": .text, "segmentAlignment": .boolean,
      "subsegmentAlignment": .boolean, "subsegmentStartsWithSAP": startType,
      "bitstreamSwitching": .boolean, "initializationSetRef": .text,
      "initializationPrincipal": .text,
    ]) { _, own in own }
  )

  private static let representation = Shape(
    children: common.children + [
      "BaseURL", "ExtendedBandwidth", "SubRepresentation", "SegmentBase", "SegmentList",
      "SegmentTemplate",
    ],
    attributes: common.attributes.merging([
      "id": .text, "bandwidth": .unsigned, "qualityRanking": .unsigned, "dependencyId": .text,
      "associationId": .text, "associationType": .text, "mediaStreamStructureId": .text,
    ]) { _, own in own },
    required: ["id", "bandwidth"]
  )

  private static let segmentTemplate = Shape(
    children: [
      "Initialization", "RepresentationIndex", "FailoverContent", "SegmentTimeline",
      "BitstreamSwitching",
    ],
    attributes: [
      "timescale": .unsigned, "eptDelta": .signed, "pdDelta": .signed,
      "presentationTimeOffset": .unsigned, "presentationDuration": .unsigned,
      "timeShiftBufferDepth": .duration, "indexRange": .text, "indexRangeExact": .boolean,
      "availabilityTimeOffset": .decimal, "availabilityTimeComplete": .boolean,
      "duration": .unsigned, "startNumber": .unsigned, "endNumber": .unsigned, "media": .text,
      "index": .text, "initialization": .text, "bitstreamSwitching": .text,
    ]
  )
}
