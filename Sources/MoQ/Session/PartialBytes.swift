/// Bytes of memory for objects that are not complete.
struct PartialBytes {
  /// What has come, as far as the session has been told.
  var held = 0
  /// What the transport may write into rooms without telling.
  var promised = 0

  static func += (sum: inout Self, other: Self) {
    sum.held += other.held
    sum.promised += other.promised
  }

  static func -= (sum: inout Self, other: Self) {
    sum.held -= other.held
    sum.promised -= other.promised
  }
}
