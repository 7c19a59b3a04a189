import CMAF
import Remux
import TestSupport
import Testing
import Wire

/// LOCMAF against the golden vectors of its reference implementation, and against aiomoqt.
@Suite struct LOCMAFTests {
  @Test func `there are vectors`() { #expect(LOCMAFVector.all.count == 14) }

  @Test(arguments: LOCMAFVector.all)
  func `objects become the canonical chunks of the vectors`(_ vector: LOCMAFVector) throws {
    let result = remux(vector.source, vector.remuxObjects)
    #expect(result.drops.isEmpty)
    #expect(result.headers == [Bytes([UInt8](vector.header))])
    #expect(result.chunks.count == vector.objects.count)
    for (chunk, object) in zip(result.chunks, vector.objects) {
      #expect(chunk.group == object.group && chunk.object == object.object)
      #expect(chunk.bytes == Bytes([UInt8](object.chunk)), "object \(object.object)")
    }
  }

  @Test func `after a missing object nothing is made until a full header`() throws {
    let vector = try #require(LOCMAFVector.all.first { $0.name == "bmdt-reanchor" })
    var objects = vector.remuxObjects
    objects.remove(at: 1)
    let result = remux(vector.source, objects)
    // The third object carries a full header again where the time jumps.
    let isFull = vector.objects.map { $0.payload.first == 2 }
    var isLost = false
    var expected: [UInt64] = []
    for (index, object) in vector.objects.enumerated() {
      if index == 1 { isLost = true }
      if isFull[index] { isLost = false }
      if index != 1, !isLost { expected.append(object.object) }
    }
    #expect(result.chunks.map(\.object) == expected)
    #expect(expected.count >= 2)
  }

  @Test(arguments: [RemuxSource.Kind.video, .audio])
  func `aiomoqt's objects are continuous chunks with the samples of its LOC`(
    _ kind: RemuxSource.Kind
  ) throws {
    let fixture = try PeerFixture("aiomoqt-locmaf-18", kind)
    let result = remux(fixture.source, fixture.objects)
    #expect(result.drops.isEmpty)
    let chunks = try result.parsed().map(\.chunk)
    #expect(chunks.count == fixture.objects.count)
    for (index, chunk) in chunks.enumerated() {
      #expect(chunk.sequenceNumber == 0 && chunk.sampleCount == 1)
      #expect(fixture.objects[index].payload.suffix(from: 0).text.hasSuffix(chunk.payload.text))
      if index > 0, fixture.objects[index].group == fixture.objects[index - 1].group {
        #expect(chunk.decodeTime == chunks[index - 1].decodeTime + chunks[index - 1].duration)
      }
      #expect(chunk.startsWithSync == (kind == .audio || fixture.objects[index].object == 0))
    }
  }

  @Test func `what the draft calls malformed is dropped`() throws {
    let vector = try #require(LOCMAFVector.all.first { $0.name == "varying-sizes" })
    let first = vector.remuxObjects[0]
    func drops(_ payload: Bytes) -> [RemuxDrop] {
      var object = first
      object.payload = payload
      return remux(vector.source, [object]).drops
    }
    let cases: [Bytes] = [
      [5, 0],  // an element that no one knows
      [1, 3, 1, 2, 3],  // a box shorter than its name
      [1, 4, 0x66, 0x72, 0x65, 0x65],  // no header after the box
      [1, 4, 0x66, 0x72, 0x65, 0x65, 4, 0, 0, 0, 8, 0x66, 0x72, 0x65, 0x65],  // raw boxes after one
      [4],  // no boxes
      [4, 0, 0, 0, 1, 0x66, 0x72, 0x65, 0x65],  // a 64-bit size
      [4, 0, 0, 0, 9, 0x66, 0x72, 0x65, 0x65],  // a box that ends after the object
      [2, 9],  // a block that ends after the object
      [2, 2, 14, 1],  // no decode time
      [2, 2, 10, 1],  // no sample count
      [2, 6, 10, 1, 14, 1, 14, 1],  // a field twice
      [2, 7, 10, 1, 14, 1, 27, 1, 2],  // deletions in a full header
      [2, 4, 10, 1, 14, 0, 9],  // media without samples
      [2, 7, 10, 1, 14, 2, 1, 1, 9, 1],  // sizes above the media
      [2, 7, 10, 1, 14, 1, 9, 1, 7, 1],  // vectors on a track without protection
      [3, 0, 1],  // a difference to nothing
    ]
    for payload in cases { #expect(drops(payload).count == 1, "\(payload)") }
    #expect(drops([2, 4, 10, 1, 14, 1, 9]).isEmpty)
  }

  @Test func `without ends of groups, times tell that nothing is missing`() throws {
    for kind in [RemuxSource.Kind.video, .audio] {
      let fixture = try PeerFixture("aiomoqt-locmaf-18", kind)
      // What was captured of a group of sound is its first twelve objects.
      let isWhole = kind == .video
      var remuxer = TrackRemuxer(fixture.source)
      for object in fixture.objects { remuxer.receive(object) }
      var count = 0
      while let event = remuxer.poll() { if case .chunk = event { count += 1 } }
      #expect(count == (isWhole ? fixture.objects.count : 12))
      #expect(isWhole == (remuxer.deadline == nil))
    }
  }
}
