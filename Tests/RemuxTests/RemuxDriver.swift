import CMAF
import FoundationEssentials
import Remux
import TestSupport
import Testing
import Wire

/// A sample as a player would see it.
struct Shown: Hashable, CustomStringConvertible {
  var presentation: Int64
  var duration: Int64
  var isSync: Bool
  var data: Bytes

  var description: String { "\(presentation)+\(duration)\(isSync ? "K" : "") \(data.count) bytes" }
}

/// A sample of a fixture with where it belongs.
struct Source: Hashable {
  var group: UInt64
  var object: UInt64
  var presentation: Int64
  var decode: Int64
  var duration: Int64
  var isSync: Bool
  var data: Bytes
}

/// A fixture's samples in groups: at sync samples for video, of ten frames for audio.
func sources(_ name: String) throws -> (header: CMAFHeader, samples: [Source]) {
  let file = try MediaFixture.cmaf(name)
  let track = file.header.tracks[0]
  var sources: [Source] = []
  var (group, object): (UInt64, UInt64) = (6, 0)
  for chunk in file.chunks[track.trackID] ?? [] {
    for sample in chunk.samples {
      let begins = track.handler == "vide" ? sample.flags.isSync : object == 10
      if begins || sources.isEmpty { (group, object) = (group + 1, 0) }
      sources.append(
        Source(
          group: group,
          object: object,
          presentation: sample.decodeTime + sample.compositionOffset,
          decode: sample.decodeTime,
          duration: Int64(sample.duration),
          isSync: sample.flags.isSync,
          data: chunk.data(of: sample)
        )
      )
      object += 1
    }
  }
  return (file.header, sources)
}

/// What a catalog would say of a fixture's track.
func remuxSource(_ header: CMAFHeader, _ packaging: RemuxSource.Packaging) throws -> RemuxSource {
  let track = header.tracks[0]
  var source = RemuxSource(
    packaging: packaging,
    kind: track.handler == "vide" ? .video : .audio,
    codec: track.codec,
    configuration: try header.bareConfiguration()
  )
  source.sampleRate = track.audio.map { Int($0.sampleRate) }
  source.channels = track.audio?.channels
  if track.handler == "vide" { source.framerateThousandths = 25_000 }
  return source
}

/// The events of one remuxer, taken apart.
struct Remuxed {
  var events: [RemuxEvent] = []

  var headers: [Bytes] {
    events.compactMap { if case .header(let bytes) = $0 { bytes } else { nil } }
  }
  var chunks: [(group: UInt64, object: UInt64, bytes: Bytes)] {
    events.compactMap {
      if case .chunk(let group, let object, let bytes) = $0 { (group, object, bytes) } else { nil }
    }
  }
  var drops: [RemuxDrop] {
    events.compactMap { if case .dropped(_, _, let reason) = $0 { reason } else { nil } }
  }
  var warnings: [String] {
    events.compactMap { if case .warning(let text) = $0 { text } else { nil } }
  }
  var ends: [UInt64: UInt64] {
    var ends: [UInt64: UInt64] = [:]
    for case .groupEnded(let group, let end) in events { ends[group] = end }
    return ends
  }

  /// The chunks read back with the header before them.
  func parsed() throws -> [(group: UInt64, object: UInt64, chunk: CMAFChunk)] {
    var header: CMAFHeader?
    var parsed: [(group: UInt64, object: UInt64, chunk: CMAFChunk)] = []
    for event in events {
      switch event {
      case .header(let bytes): header = try CMAFHeader(bytes)
      case .chunk(let group, let object, let bytes):
        for chunk in try CMAFChunk.parse(bytes, header: try #require(header)) {
          parsed.append((group, object, chunk))
        }
      default: break
      }
    }
    return parsed
  }

  func shown() throws -> [Shown] {
    try parsed().flatMap { item in
      item.chunk.samples.map { sample in
        Shown(
          presentation: sample.decodeTime + sample.compositionOffset,
          duration: Int64(sample.duration),
          isSync: sample.flags.isSync,
          data: item.chunk.data(of: sample)
        )
      }
    }
  }

  /// All bytes in order.
  var bytes: Bytes {
    Bytes(
      events.flatMap { event -> ArraySlice<UInt8> in
        switch event {
        case .header(let bytes): bytes.slice
        case .chunk(_, _, let bytes): bytes.slice
        default: []
        }
      }
    )
  }
}

let start = Instant(nanoseconds: 1_000_000_000)

/// Gives a remuxer objects in the order of the list, then the ends of their groups.
func remux(
  _ source: RemuxSource,
  _ objects: [RemuxObject],
  endsGroups: Bool = true,
  limits: RemuxLimits = RemuxLimits()
) -> Remuxed {
  var remuxer = TrackRemuxer(source, limits: limits)
  var result = Remuxed()
  func collect() { while let event = remuxer.poll() { result.events.append(event) } }
  var counts: [UInt64: UInt64] = [:]
  for object in objects { counts[object.group] = max(counts[object.group] ?? 0, object.object + 1) }
  var left = objects.reduce(into: [UInt64: Int]()) { $0[$1.group, default: 0] += 1 }
  for object in objects {
    remuxer.receive(object)
    left[object.group, default: 0] -= 1
    if endsGroups, left[object.group] == 0, let count = counts[object.group] {
      remuxer.endGroup(object.group, at: count, now: object.arrival)
    }
    collect()
  }
  remuxer.handleTimeout(now: start + .seconds(100))
  collect()
  return result
}

/// A fixture's samples as objects with the timescale of the fixture.
func locObjects(_ samples: [Source], header: CMAFHeader) throws -> [RemuxObject] {
  let encoder = try ObjectEncoder(header, form: .loc(isTagged: false))
  return samples.map { sample in
    let object = encoder.object(
      sample.data,
      presentation: sample.presentation,
      isFirstOfGroup: sample.object == 0
    )
    return RemuxObject(
      group: sample.group,
      object: sample.object,
      payload: object.payload,
      properties: object.properties,
      arrival: start
    )
  }
}
