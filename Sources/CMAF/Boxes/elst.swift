/// One edit of a track's presentation.
///
/// ISO/IEC 14496-12 §8.6.6.
package struct Edit: Sendable, Hashable {
  /// In the movie's timescale; 0 lasts as long as the fragments do.
  package let segmentDuration: UInt64
  /// Where the edit starts in the track's timescale; -1 is an empty edit.
  package let mediaTime: Int64

  package init(segmentDuration: UInt64, mediaTime: Int64) {
    self.segmentDuration = segmentDuration
    self.mediaTime = mediaTime
  }

  /// Reads an `elst` box: its edits in order.
  static func list(_ box: Box) throws(CMAFError) -> [Edit] {
    var fields = FieldReader(box)
    let version = try fields.versionAndFlags().version
    let count = try fields.u32("entry_count")
    guard count <= maximumEdits else {
      throw .limit(
        box: box.type,
        field: "entry_count",
        value: UInt64(count),
        limit: UInt64(maximumEdits)
      )
    }
    var edits: [Edit] = []
    for _ in 0..<count {
      let duration = try fields.versioned(version, "segment_duration")
      let time = try fields.versioned(version, "media_time")
      let signed =
        version == 0
        ? Int64(Int32(truncatingIfNeeded: time)) : Int64(bitPattern: time)
      edits.append(Edit(segmentDuration: duration, mediaTime: signed))
      try fields.skip(4, "media_rate")
    }
    return edits
  }

  private static let maximumEdits: UInt32 = 64
}
