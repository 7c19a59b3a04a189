import CLibXML2

/// libxml2 as a whole.
enum Library {
  /// Ready for any number of threads once this has been read, which happens once however many read it.
  static let isReady: Bool = {
    clibxml2_begin()
    return true
  }()
}
