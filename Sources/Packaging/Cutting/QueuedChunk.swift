internal import CMAF

extension RenditionWriter {
  /// A chunk that waits for its segment to be known.
  struct Queued {
    var chunk: MediaChunk
    let description: TrackDescription
    /// Counts the restarts of the track.
    var generation: Int
    /// How far from the end of other media it may start and go on there, in ticks.
    let tolerance: Int64
    /// The time whose segment it belongs to, in ticks.
    let middle: Int64

    var start: MediaTime { time(chunk.start) }
    func time(_ ticks: Int64) -> MediaTime {
      MediaTime(ticks: ticks, timescale: description.info.timescale)
    }
  }
}
