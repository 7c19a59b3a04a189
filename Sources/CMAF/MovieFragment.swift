/// A `moof` box and what of it every chunk is asked for, found in one go.
///
/// ISO/IEC 14496-12 §8.8.4.
struct MovieFragment {
  let box: Box
  /// Its `mfhd`; nil when it has none.
  private(set) var header: Box?
  /// Its first `traf`; nil when it has none.
  private(set) var first: Box?
  private(set) var fragmentCount = 0

  init(_ box: Box) throws(CMAFError) {
    self.box = box
    var content = try box.content()
    while let child = try content.next() {
      switch child.type {
      case .mfhd: header = header ?? child
      case .traf:
        first = first ?? child
        fragmentCount += 1
      default: break
      }
    }
  }
}
