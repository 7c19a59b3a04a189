import CMAF
import Wire

/// The rates that a track's times are counted in and rounded to.
struct Timing: Sendable, Hashable {
  let timescale: UInt32
  /// What a picture lasts by the catalog, else by the parameter sets, in ticks; nil when neither says.
  let frameDuration: Int64?
  /// The longest a group lasts, in ticks.
  let groupDuration: Int64?

  /// `sender` is the timescale of the track's timestamps.
  init(_ source: RemuxSource, format: TrackFormat, sender: UInt32) {
    let rate = source.framerateThousandths.flatMap(Self.frameRate)
    let scale: UInt32
    if case .audio(let audio) = format.media {
      scale = audio.sampleRate
    } else if sender != 1000, sender != 1_000_000, sender <= Timing.keptLimit {
      // Ticks of a media clock stay what they are.
      scale = sender
    } else if let rate, rate.denominator == 1001 {
      scale = UInt32(rate.numerator)
    } else {
      scale = 90_000
    }
    func ticks(_ numerator: Int64, _ denominator: Int64) -> Int64? {
      let value = (Int64(scale) * denominator + numerator / 2) / numerator
      return value > 0 ? value : nil
    }
    timescale = scale
    frameDuration =
      rate.flatMap { ticks($0.numerator, $0.denominator) }
      ?? format.frameRate.flatMap { ticks(Int64($0.numerator), Int64($0.denominator)) }
    groupDuration = source.maximumGroupMilliseconds.flatMap {
      $0 > 0 && $0 <= 60_000 ? $0 * Int64(scale) / 1000 : nil
    }
  }

  /// A time in ticks; nil for times that no broadcast has.
  func ticks(_ time: MediaTime) -> Int64? {
    let ticks = time.rounded(toScale: timescale)
    return ticks >= 0 && ticks / FrameReader.secondLimit <= Int64(timescale) ? ticks : nil
  }

  /// The longest that one picture may last before its end counts as unknown, in ticks.
  var longest: Int64 { 10 * Int64(timescale) }

  /// What the last picture of a group lasts, by rule: the next group must not matter.
  ///
  /// The catalog's rate, unless the group itself is far from it; else as long as the one before.
  func nominal(after previous: Int64?) -> Int64 {
    if let frameDuration {
      guard let previous, abs(frameDuration - previous) * 2 > previous else { return frameDuration }
      return previous
    }
    return previous ?? groupDuration ?? max(1, Int64(timescale) / 30)
  }

  /// The fastest clock whose ticks are kept: 32 bits of duration and offset must last for minutes.
  private static let keptLimit: UInt32 = 10_000_000

  /// Rates that are meant as N/1.001 are made that again; the rest as written.
  private static func frameRate(
    thousandths: Int64
  ) -> (numerator: Int64, denominator: Int64)? {
    guard thousandths > 0, thousandths < 1_000_000 else { return nil }
    for whole in [24, 30, 48, 60, 120] as [Int64]
    where abs(whole * 1_000_000 / 1001 - thousandths) <= 6 {
      return (whole * 1000, 1001)
    }
    return (thousandths, 1000)
  }
}
