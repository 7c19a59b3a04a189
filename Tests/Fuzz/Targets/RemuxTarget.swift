import CMAF
import Remux
import Wire

/// Drives a remuxer by script.
///
/// Objects of any packaging, codec, ids, times and bytes come in any order, with ends of groups, restarts,
/// time passing. Headers and chunks read back, and the same script gives the same events again.
func fuzzRemux(_ bytes: Bytes) {
  let events = runRemux(bytes)
  precondition(events == runRemux(bytes), "the same objects make the same events")
}

private func runRemux(_ bytes: Bytes) -> [RemuxEvent] {
  var script = Script(bytes)
  let source = remuxSource(&script)
  var limits = RemuxLimits()
  limits.waitingObjects = 64
  limits.waitingBytes = 1 << 20
  var remuxer = TrackRemuxer(source, limits: limits)
  var now = Instant(nanoseconds: 1_000_000_000)
  var events: [RemuxEvent] = []
  var promises = RemuxPromises(isCMAF: source.packaging != .locmaf)
  var steps = 0
  while !script.isAtEnd, steps < 400 {
    steps += 1
    switch script.byte() & 15 {
    case 10: remuxer.endGroup(UInt64(script.byte()), at: script.number(), now: now)
    case 11:
      remuxer.restart()
      promises.restart()
    case 12:
      now = now + Interval.milliseconds(Int64(script.byte()) * 40)
      if let deadline = remuxer.deadline, deadline <= now { remuxer.handleTimeout(now: now) }
      _ = remuxer.looksRestarted(now: now)
    default: remuxer.receive(remuxObject(&script, now))
    }
    while let event = remuxer.poll() {
      promises.take(event)
      events.append(event)
    }
  }
  remuxer.handleTimeout(now: now + .seconds(100))
  while let event = remuxer.poll() {
    promises.take(event)
    events.append(event)
  }
  return events
}

private func remuxSource(_ script: inout Script) -> RemuxSource {
  let selector = script.byte()
  let packagings: [RemuxSource.Packaging] = [.loc, .legacy, .hangLOC, .locmaf, .moqMI]
  let codecs = [
    "avc1.64001f", "hvc1.1.6.L60.90", "av01.0.00M.08", "vp09.00.10.08", "mp4a.40.2", "opus", "flac",
    "ac-3", "mp3",
  ]
  let codec = Int(script.byte()) % codecs.count
  var source = RemuxSource(
    packaging: packagings[Int(selector & 7) % packagings.count],
    kind: codec < 4 ? .video : .audio,
    codec: codecs[codec]
  )
  source.usesQUICIntegers = selector & 8 != 0
  if selector & 0x10 != 0 { source.framerateThousandths = Int64(bitPattern: script.number()) }
  if selector & 0x20 != 0 { source.maximumGroupMilliseconds = Int64(bitPattern: script.number()) }
  if selector & 0x40 != 0 { source.trackProperties = [RemuxProperty(0x08, script.number())] }
  if selector & 0x80 != 0 {
    (source.sampleRate, source.channels) = (48_000, Int(script.byte()))
    source.timescale = script.number()
  }
  let count = Int(script.byte()) << 8 | Int(script.byte())
  source.configuration = count == 0 ? nil : script.take(count)
  return source
}

private func remuxObject(_ script: inout Script, _ now: Instant) -> RemuxObject {
  let (group, object) = (UInt64(script.byte()), UInt64(script.byte()))
  let present = script.byte()
  var properties: [RemuxProperty] = []
  func bytes(_ script: inout Script) -> Bytes { script.take(Int(script.byte())) }
  if present & 1 != 0 { properties.append(RemuxProperty(0x10, script.uint64())) }
  if present & 2 != 0 { properties.append(RemuxProperty(0x06, script.uint64())) }
  if present & 4 != 0 { properties.append(RemuxProperty(0x08, script.number())) }
  if present & 8 != 0 { properties.append(RemuxProperty(0x0D, bytes(&script))) }
  if present & 16 != 0 { properties.append(RemuxProperty(0x0F, bytes(&script))) }
  if present & 32 != 0 {
    properties.append(RemuxProperty(0x0A, script.number()))
    properties.append(RemuxProperty(0x15, bytes(&script)))
  }
  if present & 64 != 0 {
    properties.append(RemuxProperty(0x27F3_08C5, bytes(&script)))
    properties.append(RemuxProperty(0x2D1A, script.number()))
  }
  if present & 128 != 0 { properties.append(RemuxProperty(0x3E, script.number())) }
  let count = Int(script.byte()) << 8 | Int(script.byte())
  return RemuxObject(
    group: group,
    object: object,
    payload: script.take(count),
    properties: properties,
    arrival: now
  )
}

/// What every sequence of events keeps to.
private struct RemuxPromises {
  let isCMAF: Bool
  private var header: CMAFHeader?
  private var last: (group: UInt64, object: UInt64)?

  init(isCMAF: Bool) { self.isCMAF = isCMAF }

  mutating func restart() { last = nil }

  mutating func take(_ event: RemuxEvent) {
    switch event {
    case .header(let bytes):
      guard isCMAF else { return }
      guard let read = try? CMAFHeader(bytes) else { preconditionFailure("headers read back") }
      header = read
    case .chunk(let group, let object, let bytes):
      precondition(last.map { $0 < (group, object) } ?? true, "chunks ascend")
      last = (group, object)
      guard isCMAF else { return }
      guard let header, let chunks = try? CMAFChunk.parse(bytes, header: header) else {
        preconditionFailure("chunks read back")
      }
      precondition(chunks.count == 1 && chunks[0].duration > 0, "chunks last")
      precondition(chunks[0].bytes == bytes, "chunks need no repair")
    case .groupEnded(let group, let end):
      precondition(
        last.map { $0 == (group, end - 1) } ?? false,
        "groups end after their last chunk"
      )
    case .dropped, .warning: break
    }
  }
}
