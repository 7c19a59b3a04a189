/// The shape of a pixel: horizontal to vertical spacing.
///
/// ISO/IEC 14496-12 §12.1.4.
package struct PixelAspectRatio: Sendable, Hashable {
  package let horizontal: UInt32
  package let vertical: UInt32

  package init(horizontal: UInt32, vertical: UInt32) {
    self.horizontal = horizontal
    self.vertical = vertical
  }

  /// Reads the box; zeros mean square pixels.
  init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    let (h, v) = (try fields.u32("hSpacing"), try fields.u32("vSpacing"))
    (horizontal, vertical) = h == 0 || v == 0 ? (1, 1) : (h, v)
  }
}
