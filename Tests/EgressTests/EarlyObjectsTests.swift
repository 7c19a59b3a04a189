import MoQ
import Packaging
import Remux
import Testing
import Wire

@testable import Egress

@Suite struct EarlyObjectsTests {
  private let now = Instant(nanoseconds: 1_000_000_000)

  /// An Opus frame of 20 ms at its time, or without one, as moq-rs's relay delivers the past.
  private func frame(_ group: UInt64, _ id: UInt64, at microseconds: UInt64?) -> Object {
    var pairs = KeyValuePairs()
    if let microseconds { pairs.append(0x10, microseconds) }
    return Object(group: group, id: id, properties: Properties(pairs), payload: [0xF8, 0xFF, 0xFE])
  }

  private func places(_ objects: [Object], isTimedByProperties: Bool) -> [Location] {
    var early = EarlyObjects(byteLimit: 1 << 20, isTimedByProperties: isTimedByProperties)
    for object in objects.shuffled() { early.add(object) }
    for group in Set(objects.map(\.group)) { early.endGroup(group, at: 5) }
    var source = RemuxSource(packaging: .loc, kind: .audio, codec: "opus")
    source.sampleRate = 48_000
    source.channels = 2
    let intake = MediaIntake(source, patience: .seconds(1))
    early.hand(to: intake, now: now)
    var result: [Location] = []
    while let output = intake.poll() {
      switch output {
      case .header(let header):
        let track = CatalogTrack(name: "sound", packaging: .loc)
        if let plan = try? TrackPlan(track, header: header) { intake.configure(plan) }
      case .media(let object):
        result.append(Location(group: object.position.group, object: object.position.object))
        #expect(object.chunks[0].start > 48_000)
      default: break
      }
    }
    return result
  }

  @Test func `a past without times is left out where the present has them`() {
    let past = (0..<5).map { frame(3, $0, at: nil) } + (0..<2).map { frame(4, $0, at: nil) }
    let present = (2..<5).map { frame(4, $0, at: 2_000_000 + $0 * 20_000) }
    let next = (0..<5).map { frame(5, $0, at: 2_100_000 + $0 * 20_000) }
    let expected = (0..<5).map { Location(group: 5, object: $0) }
    #expect(places(past + present + next, isTimedByProperties: true) == expected)
  }

  @Test func `a past with times is kept`() {
    let past = (0..<5).map { frame(4, $0, at: 2_000_000 + $0 * 20_000) }
    let next = (0..<5).map { frame(5, $0, at: 2_100_000 + $0 * 20_000) }
    #expect(places(past + next, isTimedByProperties: true) == (past + next).map(\.location))
  }
}
