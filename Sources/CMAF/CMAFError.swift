/// Why bytes are not the CMAF they should be.
///
/// Offsets count from the start of the bytes that were handed in.
package enum CMAFError: Error, Hashable, Sendable {
  /// The box, or the field of it, ends after the input does. `box` is nil inside a box header.
  case truncated(box: FourCC?, field: String, offset: Int)
  /// A field has a value its box does not allow, or that nothing here can use.
  case invalid(box: FourCC, field: String, value: String, offset: Int)
  /// A box that must be there is not.
  case missing(box: FourCC, parent: FourCC?)
  /// A count or size is above what is held for one input.
  case limit(box: FourCC?, field: String, value: UInt64, limit: UInt64)
}

extension CMAFError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .truncated(let box, let field, let offset):
      "\(box.map(String.init(describing:)) ?? "box header") ends in \(field) at offset \(offset)"
    case .invalid(let box, let field, let value, let offset):
      "\(box) has \(field) \(value) at offset \(offset)"
    case .missing(let box, let parent):
      "no \(box)" + (parent.map { " in \($0)" } ?? "")
    case .limit(let box, let field, let value, let limit):
      "\(box.map(String.init(describing:)) ?? "input") has \(field) \(value), above \(limit)"
    }
  }
}
