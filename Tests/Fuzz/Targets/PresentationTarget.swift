import CMAF
import Manifests
import Packaging
import Wire

/// Drives a presentation by script.
///
/// Objects of any ids, times and durations come in any order, with ends of groups, restarts, new tracks,
/// tracks that go, new headers, time passing. Every state that it publishes is rendered and held to what
/// playlists promise.
func fuzzPresentation(_ bytes: Bytes) {
  var script = Script(bytes)
  var driver = PresentationDriver(&script)
  var steps = 0
  while !script.isAtEnd, steps < 600 {
    driver.step(&script)
    steps += 1
  }
  driver.finish()
}

private struct PresentationDriver {
  private static let timescales: [UInt32] = [
    90_000, 48_000, 1, 1000, 1_000_000, 1 << 30, 44_100, 3,
  ]

  private struct Track {
    /// The same under all of its headers.
    let name: String
    var timescale: UInt32
    /// Nil until its header changes.
    var description: TrackDescription?
    var group: UInt64 = 0
    var object: UInt64 = 0
    var time: Int64 = 0
  }

  private let presentation: Presentation
  private var tracks: [Track] = []
  /// How many tracks there ever were, as names are not used twice.
  private var made = 0
  private var utc = UTCTime(microseconds: 1_790_000_000_000_000)
  private var now = Instant(nanoseconds: 1_000_000_000)
  private var count = 0
  private var promises = PlaylistPromises()

  init(_ script: inout Script) {
    var policy = PackagingPolicy()
    let selector = script.byte()
    policy.window = .seconds(selector & 1 == 0 ? 60 : 6)
    policy.windowBytes = selector & 2 == 0 ? 64 << 20 : 1 << 20
    policy.gapLimit = selector & 4 == 0 ? 10 : 0
    policy.reorderBytes = selector & 8 == 0 ? 16 << 20 : 64
    var descriptions: [TrackDescription] = []
    for index in 0...Int(script.byte() % 3) {
      let (track, description) = Self.makeTrack(index, &script)
      tracks.append(track)
      descriptions.append(description)
    }
    presentation = Presentation(tracks: descriptions, policy: policy)
    made = tracks.count
  }

  private static func makeTrack(_ number: Int, _ script: inout Script) -> (Track, TrackDescription)
  {
    let selector = script.byte()
    let timescale = timescales[Int(selector & 7)]
    let kind: MediaKind = selector & 0x40 == 0 ? .video : .audio
    let info = RenditionInfo(
      name: "track\(number)",
      kind: kind,
      timescale: timescale,
      codec: "avc1.64001f"
    )
    let promised =
      selector & 0x80 == 0
      ? nil : MediaTime(ticks: Int64(script.byte()) * 1000 + 1, timescale: 1000)
    return (
      Track(name: info.name, timescale: timescale),
      TrackDescription(
        info: info,
        header: Bytes(utf8: "header \(number)"),
        groupLength: promised
      )
    )
  }

  mutating func step(_ script: inout Script) {
    let selector = script.byte()
    let index = Int(selector >> 4) % tracks.count
    switch selector & 15 {
    case 0...7: receive(index, &script)
    case 8:
      presentation.endGroup(
        tracks[index].group,
        at: script.byte() == 0 ? tracks[index].object : script.number(),
        on: index,
        utc: utc,
        now: now
      )
    case 9: presentation.restart()
    case 10, 11:
      let step = Interval.milliseconds(Int64(script.byte()) * 40)
      now = now + step
      utc = UTCTime(microseconds: utc.microseconds + step.nanoseconds / 1000)
      presentation.handleTimeout(utc: utc, now: now)
    case 12:
      guard tracks.count < 5 else { return }
      let (track, description) = Self.makeTrack(made, &script)
      made += 1
      precondition(presentation.addTrack(description) == tracks.count, "tracks are counted up")
      tracks.append(track)
    case 13:
      let selector = script.byte()
      if selector & 0x10 != 0 {
        let timescale = Self.timescales[Int(selector >> 5)]
        tracks[index].time = MediaTime(
          ticks: tracks[index].time,
          timescale: tracks[index].timescale
        ).rounded(toScale: timescale)
        tracks[index].timescale = timescale
      }
      let info = RenditionInfo(
        name: tracks[index].name,
        kind: selector & 8 == 0 ? .video : .audio,
        timescale: tracks[index].timescale,
        codec: "avc1.64001\(selector & 7)"
      )
      tracks[index].description = TrackDescription(
        info: info,
        header: Bytes(utf8: "header \(selector & 3) \(tracks[index].timescale)")
      )
    case 14:
      // A broadcast as it should be, for a while.
      for _ in 0..<(script.byte() & 31) { receiveRegularly(index) }
    default:
      switch script.byte() {
      case 0xEE: presentation.finish(now: now)
      case 0xDD: presentation.retire([index], now: now)
      case 0xDE: presentation.notePresent(script.byte() == 0 ? [index] : [])
      case 0xDF: if presentation.forget(index) { tracks.remove(at: index) }
      default: break
      }
    }
    collect()
  }

  mutating func finish() {
    now = now + .seconds(20)
    presentation.handleTimeout(utc: utc, now: now)
    _ = presentation.deadline
    for index in tracks.indices { _ = presentation.statistics(of: index) }
    presentation.finish(now: now)
    collect()
    promises.renderEverything()
  }

  private mutating func receiveRegularly(_ index: Int) {
    let duration = max(1, Int64(tracks[index].timescale) / 5)
    let isStart = tracks[index].object % 10 == 0
    if tracks[index].object == 10 {
      presentation.endGroup(tracks[index].group, at: 10, on: index, utc: utc, now: now)
      tracks[index].group &+= 1
      tracks[index].object = 0
    }
    deliver(index, duration: duration, isIndependent: isStart, chunks: 1)
    tracks[index].object &+= 1
  }

  private mutating func receive(_ index: Int, _ script: inout Script) {
    let flags = script.byte()
    switch flags & 3 {
    case 0: tracks[index].object &+= 1
    case 1:
      tracks[index].group &+= 1
      tracks[index].object = 0
    case 2: tracks[index].object = script.number()
    default:
      tracks[index].group = script.number()
      tracks[index].object = script.number()
    }
    let scale = Int64(tracks[index].timescale)
    switch (flags >> 2) & 7 {
    case 0, 1, 2, 3: break
    case 4: tracks[index].time = time(script.number(), of: scale)
    case 5:
      tracks[index].time &+= Int64(bitPattern: script.number()) &* max(1, scale / 10)
    case 6:
      tracks[index].time &-= Int64(bitPattern: script.number()) &* max(1, scale / 10)
    default: tracks[index].time = Int64(bitPattern: script.number())
    }
    let durationSelector = script.byte()
    let duration: Int64 =
      switch durationSelector >> 6 {
      case 0: max(1, scale / 25)
      case 1: Int64(durationSelector & 63) &* max(1, scale / 8)
      case 2: Int64(bitPattern: script.number())
      default: 1
      }
    deliver(
      index,
      duration: duration,
      isIndependent: flags & 0x20 != 0,
      chunks: flags & 0x40 == 0 ? 1 : 3
    )
  }

  /// A time on the machine's clock, or that many seconds after 0.
  private func time(_ number: UInt64, of scale: Int64) -> Int64 {
    number == 0
      ? (utc.microseconds / 1_000_000) &* scale : Int64(truncatingIfNeeded: number) &* scale
  }

  private mutating func deliver(_ index: Int, duration: Int64, isIndependent: Bool, chunks: Int) {
    var list: [MediaChunk] = []
    for number in 0..<chunks {
      count += 1
      list.append(
        MediaChunk(
          start: tracks[index].time,
          duration: duration,
          isIndependent: isIndependent && number == 0,
          bytes: Bytes(utf8: "chunk \(count)"),
          producerTime: count % 97 == 0 ? UTCTime(microseconds: tracks[index].time) : nil
        )
      )
      tracks[index].time &+= duration
    }
    let object = MediaObject(
      position: ObjectPosition(group: tracks[index].group, object: tracks[index].object),
      chunks: list,
      arrival: now,
      description: tracks[index].description
    )
    presentation.receive(object, on: index, utc: utc, now: now)
  }

  private mutating func collect() {
    while let output = presentation.poll() {
      if case .published(let snapshot) = output { promises.take(snapshot) }
    }
  }
}
