/// What a track header says that matters here.
///
/// ISO/IEC 14496-12 §8.3.2.
package struct TrackHeader: Sendable, Hashable {
  package let trackID: UInt32
  /// Presentation size in 1/65,536 pixels; 0 for tracks that are not shown.
  package let width: UInt32
  package let height: UInt32

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    let version = try fields.versionAndFlags().version
    _ = try fields.versioned(version, "creation_time")
    _ = try fields.versioned(version, "modification_time")
    trackID = try fields.u32("track_ID")
    guard trackID != 0 else { throw fields.invalid("track_ID", 0) }
    try fields.skip(4, "reserved")
    _ = try fields.versioned(version, "duration")
    try fields.skip(16, "layer, group and volume")
    try fields.skip(36, "matrix")
    width = try fields.u32("width")
    height = try fields.u32("height")
  }
}
