internal import CMAF

extension RenditionWriter {
  /// Something that a release makes visible.
  enum Change {
    /// The segment's head comes with each part; its `parts` are empty.
    case part(Segment, Part)
    case closed(Segment, duration: Int64, isGap: Bool)
    /// A segment of which nothing exists.
    case gap(Segment)
    /// Everything before leaves the playlist.
    case clear
  }

  /// A change with its place in the order of releases.
  struct Update {
    let run: Int
    /// The end of the media that becomes visible, unshifted.
    let time: MediaTime
    let number: Int64
    let change: Change
  }
}
