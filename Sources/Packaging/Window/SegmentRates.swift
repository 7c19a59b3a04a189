/// Bit rates of a rendition's segments, in bits per second.
package struct SegmentRates: Equatable, Sendable {
  /// Of the densest segment.
  package let peak: Int
  package let average: Int
  /// Of the densest segment's first picture alone, shown as long as the segment; 0 for other media.
  package let independentPeak: Int

  package static let none = SegmentRates(peak: 0, average: 0, independentPeak: 0)

  package init(peak: Int, average: Int, independentPeak: Int) {
    self.peak = peak
    self.average = average
    self.independentPeak = independentPeak
  }

  /// Measures whole segments, those with lost media left out.
  ///
  /// What was measured before they came plays no part: another bridge may not have seen it.
  init(of segments: some Sequence<Segment>) {
    var (peak, independentPeak) = (0, 0)
    var totalBits: Int128 = 0
    var totalMicroseconds: Int128 = 0
    for segment in segments {
      guard let duration = segment.duration, duration > 0, !segment.isGap, !segment.isConcealed
      else { continue }
      let scale = Int128(max(segment.timescale, 1))
      func rate(_ bits: Int128) -> Int { Int(clamping: bits * scale / Int128(duration)) }
      let bits = Int128(segment.byteCount) * 8
      peak = max(peak, rate(bits))
      independentPeak = max(independentPeak, rate(Int128(segment.independentByteCount ?? 0) * 8))
      totalBits += bits
      // Rounded up, so that the mean never passes the peak.
      totalMicroseconds += (Int128(duration) * 1_000_000 + scale - 1) / scale
    }
    self.peak = peak
    self.independentPeak = independentPeak
    average = totalMicroseconds > 0 ? Int(clamping: totalBits * 1_000_000 / totalMicroseconds) : 0
  }
}
