import Testing
import Wire

@testable import QUIC

@Suite struct GrowingDataTests {
  private func gather(_ pieces: [[UInt8]], into data: inout GrowingData) -> Bytes {
    data.begin(4)
    for piece in pieces {
      let isTaken = data.append(piece.span, of: 4, isFinal: false)
      #expect(isTaken)
    }
    return data.take()
  }

  @Test func `what is taken is what was added, and nothing of another stream`() {
    var data = GrowingData()
    #expect(data.stream == nil)
    let isTakenBefore = data.append([1].span, of: 4, isFinal: false)
    data.begin(4)
    let isTakenOfAnother = data.append([2].span, of: 8, isFinal: false)
    let isTaken = data.append([3, 4].span, of: 4, isFinal: true)
    #expect(!isTakenBefore && !isTakenOfAnother && isTaken)
    #expect(data.stream == 4 && data.isFinal)
    #expect(data.take() == [3, 4])
    data.begin(4)
    #expect(!data.isFinal)
    #expect(data.take().isEmpty && data.stream == nil)
  }

  @Test(arguments: [1, 31_000, 32_768, 300_000, 1_500_000])
  func `what is held stays as it was when more comes`(count: Int) {
    var data = GrowingData()
    var held: [Bytes] = []
    for round in UInt8(0)..<5 {
      let half = [UInt8](repeating: round, count: count / 2)
      let rest = [UInt8](repeating: round, count: count - count / 2)
      held.append(gather([half, rest], into: &data))
    }
    for round in UInt8(0)..<5 {
      #expect(held[Int(round)] == Bytes([UInt8](repeating: round, count: count)))
    }
  }
}
