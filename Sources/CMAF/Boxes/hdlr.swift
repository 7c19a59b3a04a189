/// What kind of media a track is.
///
/// ISO/IEC 14496-12 §8.4.3.
package struct HandlerReference: Sendable, Hashable {
  /// `vide`, `soun`, `text`, `subt`, `meta` or another.
  package let type: FourCC

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    _ = try fields.versionAndFlags()
    try fields.skip(4, "pre_defined")
    type = try fields.fourCC("handler_type")
  }
}
