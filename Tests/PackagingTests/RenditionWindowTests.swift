import CMAF
import Testing
import Wire

@testable import Packaging

@Suite struct RenditionWindowTests {
  private var window = RenditionWindow(window: .seconds(2))

  /// An empty segment of one second; numbers count seconds.
  private func head(_ number: Int64) -> Segment {
    Segment(
      number: number,
      epoch: Epoch(name: "e", zero: UTCTime(microseconds: 0)),
      initSegment: InitSegment(bytes: [1], name: "i"),
      timescale: 1000,
      start: number * 1000,
      isDiscontinuity: false,
      discontinuitySequence: 0
    )
  }

  private func events(_ scheme: String) -> Set<EventStream> {
    let message = EventMessage(
      schemeURI: scheme,
      value: "",
      timescale: 1000,
      start: .presentation(ticks: 0),
      duration: 0,
      id: 1,
      message: []
    )
    return Set([EventStream(message)].compactMap(\.self))
  }

  /// Adds a segment of two parts, of so many bytes each, the second with events.
  private mutating func add(_ number: Int64, bytes: Int = 10, events scheme: String? = nil) {
    for index in Int64(0)..<2 {
      let part = Part(
        start: number * 1000 + index * 500,
        duration: 500,
        independentByteCount: nil,
        isGap: false,
        eventStreams: index == 1 ? scheme.map(events) ?? [] : [],
        pieces: [Bytes([UInt8](repeating: 1, count: bytes))]
      )
      window.apply(.part(head(number), part))
    }
    window.apply(.closed(head(number), duration: 1000, isGap: false))
  }

  private func schemes() -> [String] { window.eventStreams.sorted().map(\.schemeURI) }

  @Test mutating func `events are named as long as a segment that has them`() {
    add(0, events: "urn:a")
    add(1, events: "urn:b")
    add(2)
    add(3, events: "urn:b")
    #expect(schemes() == ["urn:a", "urn:b"])
    window.prune(retention: .seconds(3), byteLimit: .max)
    #expect(window.segments.map(\.number) == [0, 1, 2, 3])
    add(4)
    window.prune(retention: .seconds(3), byteLimit: .max)
    #expect(window.segments.map(\.number) == [1, 2, 3, 4])
    #expect(schemes() == ["urn:b"])
    add(5)
    window.prune(retention: .seconds(3), byteLimit: .max)
    #expect(schemes() == ["urn:b"])
    add(6)
    add(7)
    window.prune(retention: .seconds(3), byteLimit: .max)
    #expect(window.segments.map(\.number) == [4, 5, 6, 7])
    #expect(schemes().isEmpty)
  }

  @Test mutating func `the byte limit drops more, but two segments stay`() {
    for number in Int64(0)..<5 { add(number) }
    #expect(window.heldBytes == 100)
    window.prune(retention: .seconds(60), byteLimit: 70)
    #expect(window.segments.map(\.number) == [2, 3, 4])
    #expect(window.heldBytes == 60)
    window.prune(retention: .seconds(60), byteLimit: 0)
    #expect(window.segments.map(\.number) == [3, 4])
    #expect(window.heldBytes == 40)
  }

  @Test mutating func `what was cleared goes when media comes`() {
    add(0, events: "urn:a")
    window.apply(.clear)
    #expect(window.segments.map(\.number) == [0])
    #expect(schemes() == ["urn:a"])
    add(9, events: "urn:b")
    #expect(window.segments.map(\.number) == [9])
    #expect(schemes() == ["urn:b"])
    #expect(window.heldBytes == 20)
  }

  @Test mutating func `rates are those of segments that playlists list`() {
    add(0, bytes: 1000)
    #expect(window.rates.peak == 16_000)
    add(1, bytes: 10)
    #expect(window.rates.peak == 16_000)
    #expect(window.rates.average == 8080)
    add(2, bytes: 10)
    #expect(window.segments.count == 3)
    #expect(window.rates.peak == 160)
  }
}
