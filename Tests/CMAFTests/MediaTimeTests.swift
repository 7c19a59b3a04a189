import CMAF
import Testing

@Suite struct MediaTimeTests {
  @Test func `equal times of different timescales are equal and hash alike`() {
    let half = MediaTime(ticks: 1, timescale: 2)
    let same = MediaTime(ticks: 45_000, timescale: 90_000)
    #expect(half == same)
    #expect(Set([half, same, MediaTime(ticks: -1, timescale: 2)]).count == 2)
    #expect(Set([MediaTime(ticks: 0, timescale: 7), MediaTime(ticks: 0, timescale: 9)]).count == 1)
  }

  @Test func `order is exact where 64-bit products overflow`() {
    let left = MediaTime(ticks: .max, timescale: 4_294_967_295)
    let right = MediaTime(ticks: .max - 1, timescale: 4_294_967_295)
    #expect(right < left)
    #expect(left < MediaTime(ticks: .max, timescale: 4_294_967_294))
    #expect(MediaTime(ticks: .min, timescale: 1) < MediaTime(ticks: .min, timescale: 2))
  }

  @Test(
    arguments: [
      (30_030, 90_000, 1000, 334), (1, 2, 1, 1), (-1, 2, 1, 0), (-3, 2, 1, -1), (1, 3, 1, 0),
      (2, 3, 1, 1), (1, 3, 3, 1), (7, 1, 1, 7), (-7, 1, 90_000, -630_000), (.max, 1, 1, .max),
      (.min, 1, 1, .min), (.max, 1, 2, .max), (.min, 1, 2, .min), (.max, 3, 3, .max),
      (.min, 3, 3, .min), (.max, 3, 4, .max),
      (
        160_000_000_000_000, 90_000, 1_000_000_000,
        1_777_777_777_777_777_778
      ),
    ] as [(Int64, UInt32, UInt32, Int64)]
  )
  func `rescaling rounds to nearest and never overflows`(
    ticks: Int64,
    timescale: UInt32,
    scale: UInt32,
    expected: Int64
  ) {
    #expect(MediaTime(ticks: ticks, timescale: timescale).rounded(toScale: scale) == expected)
  }
}
