package import Wire
package enum CMAFChunk { package static func shiftingDecodeTimes(of b: Bytes, byTicks: Int64) -> Bytes { b } }
