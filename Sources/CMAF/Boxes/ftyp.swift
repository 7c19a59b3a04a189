package import Wire

/// Brands of a file (`ftyp`) or segment (`styp`).
///
/// ISO/IEC 14496-12 §4.3.
package struct FileType: Sendable, Hashable {
  package var majorBrand: FourCC
  package var minorVersion: UInt32
  package var compatibleBrands: [FourCC]

  package init(majorBrand: FourCC, minorVersion: UInt32 = 0, compatibleBrands: [FourCC]) {
    self.majorBrand = majorBrand
    self.minorVersion = minorVersion
    self.compatibleBrands = compatibleBrands
  }

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    majorBrand = try fields.fourCC("major_brand")
    minorVersion = try fields.u32("minor_version")
    compatibleBrands = []
    while fields.remaining >= 4 {
      compatibleBrands.append(try fields.fourCC("compatible_brands"))
    }
  }

  /// Appends the box as `ftyp` or `styp`.
  package func write(to writer: inout ByteWriter, as type: FourCC) {
    writer.box(type) { box in
      box.write(majorBrand.rawValue)
      box.write(minorVersion)
      for brand in compatibleBrands { box.write(brand.rawValue) }
    }
  }
}
