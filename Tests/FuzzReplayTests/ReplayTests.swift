import FuzzTargets
import TestSupport
import Testing
import Wire

/// Replays every input that once broke something, and the first of what a fuzzer starts with.
@Suite struct ReplayTests {
  @Test(arguments: FuzzTarget.allCases)
  func `inputs that broke something do not any more`(_ target: FuzzTarget) throws {
    for name in try MediaFixture.names("Corpus/\(target.rawValue)") {
      target.run(try MediaFixture.bytes("Corpus/\(target.rawValue)/\(name)"))
    }
  }

  @Test(arguments: FuzzTarget.allCases)
  func `500 random inputs break nothing`(_ target: FuzzTarget) {
    var generator = SeededGenerator(seed: 0x6D6F71)
    for _ in 0..<500 {
      let count = Int.random(in: 0...200, using: &generator)
      target.run(Bytes((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }))
    }
  }

  @Test func `every corpus belongs to a target`() throws {
    let known = Set(FuzzTarget.allCases.map(\.rawValue))
    #expect(try Set(MediaFixture.names("Corpus")).subtracting(known).isEmpty)
  }
}
