internal import CMAF

/// Measures how long the groups of a track of video are, by the first of which nothing is missing.
struct GroupMeasure {
  /// From one sync sample to the next or to the group's end; nil until a group was whole.
  private(set) var whole: MediaTime?
  /// From one sync sample to the next, whatever is missing in between.
  private(set) var approximate: MediaTime?

  /// The last sync sample.
  private(set) var begin: (time: MediaTime, generation: Int)?
  /// Something is missing since then.
  private var isBroken = false
  private var end: MediaTime?

  mutating func take(_ event: PackagedTrack.Event) {
    switch event {
    case .chunk(let intake):
      if intake.generation != begin?.generation { begin = nil }
      if intake.continuity == .afterLoss { isBroken = true }
      if intake.chunk.isIndependent {
        note(until: intake.start)
        begin = (intake.start, intake.generation)
        isBroken = false
      }
      end = intake.end
    case .groupEnded(let isDecodable):
      if !isDecodable { isBroken = true }
      if let end, !isBroken { note(until: end) }
    }
  }

  private mutating func note(until time: MediaTime) {
    guard let begin else { return }
    let scale = begin.time.timescale
    let ticks = time.rounded(toScale: scale) - begin.time.ticks
    let length = MediaTime(ticks: ticks, timescale: scale)
    if !isBroken { whole = whole ?? length }
    approximate = approximate ?? length
  }
}
