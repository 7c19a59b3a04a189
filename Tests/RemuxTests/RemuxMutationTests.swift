import CMAF
import Remux
import TestSupport
import Testing
import Wire

/// Wrong input of every kind: it may be dropped, it may not trap, and what comes out can be read.
@Suite struct RemuxMutationTests {
  func mutate(_ bytes: Bytes, _ generator: inout SeededGenerator) -> Bytes {
    var array = bytes.array
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      // What lies at the front is read, the rest copied.
      let count = Bool.random(using: &generator) ? array.count : min(array.count, 40)
      switch Int.random(in: 0..<5, using: &generator) {
      case 0 where count > 0:
        array[Int.random(in: 0..<count, using: &generator)] = .random(
          in: 0...255,
          using: &generator
        )
      case 1 where count > 0: array[Int.random(in: 0..<count, using: &generator)] = 0xFF
      case 2 where count > 0: array.remove(at: Int.random(in: 0..<count, using: &generator))
      case 3: array.removeLast(Int.random(in: 0...array.count, using: &generator))
      default:
        array.insert(
          .random(in: 0...255, using: &generator),
          at: Int.random(in: 0...count, using: &generator)
        )
      }
    }
    return Bytes(array)
  }

  func mutate(_ object: RemuxObject, _ generator: inout SeededGenerator) -> RemuxObject {
    var object = object
    if Bool.random(using: &generator) { object.payload = mutate(object.payload, &generator) }
    object.properties = object.properties.map { property in
      guard Int.random(in: 0..<4, using: &generator) == 0 else { return property }
      switch property.value {
      case .integer(let value):
        let values = [0, 1, value &+ 1, value &* 3, UInt64(1) << 62, 1 << 63, .max]
        return RemuxProperty(property.type, values.randomElement(using: &generator) ?? 0)
      case .bytes(let bytes): return RemuxProperty(property.type, mutate(bytes, &generator))
      }
    }
    if Int.random(in: 0..<16, using: &generator) == 0 {
      object.object = .random(in: 0...UInt64.max, using: &generator)
    }
    return object
  }

  func check(_ source: RemuxSource, _ objects: [RemuxObject], _ seed: UInt64) throws -> Int {
    var generator = SeededGenerator(seed: seed)
    var chunks = 0
    for _ in 0..<20 {
      var source = source
      if Int.random(in: 0..<4, using: &generator) == 0 {
        source.configuration = source.configuration.map { mutate($0, &generator) }
      }
      let mutated = objects.map { object in
        Int.random(in: 0..<4, using: &generator) == 0 ? mutate(object, &generator) : object
      }
      let result = remux(source, mutated)
      chunks += result.chunks.count
      if source.packaging != .locmaf { _ = try result.shown() }
    }
    return chunks
  }

  @Test(arguments: CodecTests.names)
  func `mutated frames of every codec`(_ name: String) throws {
    let (header, samples) = try sources(name)
    let some = Array(samples.prefix(40))
    let loc = try locObjects(some, header: header)
    #expect(try check(try remuxSource(header, .loc), loc, 1) > 50)
    let legacy = try legacyObjects(some, header: header)
    #expect(try check(try remuxSource(header, .legacy), legacy, 2) > 50)
  }

  @Test(arguments: [
    "aiomoqt-loc-18", "aiomoqt-loc-b-frames-18", "moqrs-avc3-18", "aiomoqt-locmaf-18",
  ])
  func `mutated objects of peers`(_ name: String) throws {
    let fixture = try PeerFixture(name, .video)
    #expect(try check(fixture.source, fixture.objects, 3) > 50)
  }

  @Test(arguments: LOCMAFVector.all)
  func `mutated golden vectors`(_ vector: LOCMAFVector) throws {
    #expect(try check(vector.source, vector.remuxObjects, 4) > 5)
  }
}
