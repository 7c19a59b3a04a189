import Wire

/// The fields of a LOCMAF header, absolute, as they refer to each other within a group.
///
/// draft-einarsson-moq-locmaf §"Field Reference".
struct LOCMAFFields: Sendable {
  enum Name {
    static let sizes: UInt64 = 1
    static let descriptionIndex: UInt64 = 2
    static let durations: UInt64 = 3
    static let defaultDuration: UInt64 = 4
    static let compositionOffsets: UInt64 = 5
    static let defaultSize: UInt64 = 6
    static let flags: UInt64 = 7
    static let defaultFlags: UInt64 = 8
    static let vectors: UInt64 = 9
    static let decodeTime: UInt64 = 10
    static let subsampleCounts: UInt64 = 11
    static let firstFlags: UInt64 = 12
    static let clearBytes: UInt64 = 13
    static let sampleCount: UInt64 = 14
    static let protectedBytes: UInt64 = 15
    static let vectorSize: UInt64 = 16
    static let deletions: UInt64 = 27
  }

  private(set) var scalars: [UInt64: UInt64] = [:]
  private(set) var lists: [UInt64: [Int64]] = [:]
  /// Initialization vectors of all samples.
  private(set) var vectors: Bytes?

  /// The number of samples; 0…65,536.
  var sampleCount: Int { Int(scalars[Name.sampleCount] ?? 0) }

  /// Reads a full header's properties.
  init(full properties: Bytes) throws(RemuxDrop) {
    let raw = try LOCMAFFields.split(properties)
    guard raw[Name.deletions] == nil else { throw .malformed("field 27 in a full header") }
    guard raw[Name.sampleCount] != nil, raw[Name.decodeTime] != nil else {
      throw .malformed("a full header without sample count or decode time")
    }
    for (name, value) in raw.sorted(by: { $0.key < $1.key }) {
      if name == Name.vectors {
        vectors = value
      } else if name & 1 == 0 {
        var reader = ByteReader(value)
        scalars[name] = try? reader.readVi64()
      } else {
        lists[name] = try LOCMAFFields.list(value, isSigned: name == Name.compositionOffsets)
      }
    }
    try checkCounts()
  }

  /// Applies a delta header's properties to the fields of the chunk before, which ends at `decodeTime`.
  mutating func apply(delta properties: Bytes, decodeTime: UInt64) throws(RemuxDrop) {
    var raw = try LOCMAFFields.split(properties)
    guard raw[Name.decodeTime] == nil else { throw .malformed("field 10 in a delta header") }
    if let value = raw.removeValue(forKey: Name.deletions) {
      for name in try LOCMAFFields.list(value, isSigned: false) {
        let name = UInt64(bitPattern: name)
        scalars[name] = nil
        lists[name] = nil
        if name == Name.vectors { vectors = nil }
      }
    }
    scalars[Name.decodeTime] = decodeTime
    // In order, so that of several faults the same one is named everywhere.
    for (name, value) in raw.sorted(by: { $0.key < $1.key }) where name & 1 == 0 {
      var reader = ByteReader(value)
      guard let code = try? reader.readVi64() else { throw .malformed("field \(name)") }
      let (sum, overflow) = Int64(truncatingIfNeeded: scalars[name] ?? 0)
        .addingReportingOverflow(LOCMAFFields.zigzag(code))
      guard !overflow, sum >= 0 else { throw .malformed("field \(name) below 0") }
      scalars[name] = UInt64(sum)
    }
    if let value = raw[Name.vectors] { vectors = value }
    for name in [Name.sizes, Name.durations, Name.compositionOffsets, Name.flags] {
      try apply(raw[name], to: name)
    }
    for name in [Name.subsampleCounts, Name.clearBytes, Name.protectedBytes] {
      try apply(raw[name], to: name)
    }
    try checkCounts()
  }

  /// Adds differences to a list; one that is not sent is cut to the new count.
  private mutating func apply(_ value: Bytes?, to name: UInt64) throws(RemuxDrop) {
    let previous = lists[name] ?? []
    guard let value else {
      if let count = expectedCount(of: name), lists[name] != nil {
        lists[name] = Array(previous.prefix(count))
      }
      return
    }
    var list = try LOCMAFFields.list(value, isSigned: true)
    for index in list.indices where index < previous.count {
      let (sum, overflow) = previous[index].addingReportingOverflow(list[index])
      guard !overflow else { throw .malformed("field \(name) overflows") }
      list[index] = sum
    }
    lists[name] = list
  }

  /// How many elements a list must have.
  private func expectedCount(of name: UInt64) -> Int? {
    switch name {
    case Name.sizes: return max(0, sampleCount - 1)
    case Name.durations, Name.compositionOffsets, Name.flags, Name.subsampleCounts:
      return sampleCount
    case Name.clearBytes, Name.protectedBytes:
      return (lists[Name.subsampleCounts] ?? []).reduce(0) { $0 + Int(UInt16(clamping: $1)) }
    default: return nil
    }
  }

  private func checkCounts() throws(RemuxDrop) {
    let count = scalars[Name.sampleCount] ?? 0
    guard count <= LOCMAFFields.sampleLimit else { throw .malformed("\(count) samples") }
    for (name, list) in lists.sorted(by: { $0.key < $1.key }) {
      guard list.count == expectedCount(of: name) ?? list.count else {
        throw .malformed("field \(name) has \(list.count) elements")
      }
    }
  }

  /// The bytes of each known field; a field that comes twice is refused.
  private static func split(_ properties: Bytes) throws(RemuxDrop) -> [UInt64: Bytes] {
    var reader = ByteReader(properties)
    var fields: [UInt64: Bytes] = [:]
    var seen: Set<UInt64> = []
    do throws(DecodeError) {
      while !reader.isAtEnd {
        let name = try reader.readVi64()
        guard seen.insert(name).inserted else { throw .invalid("field \(name) comes twice") }
        let value: Bytes
        if name & 1 == 0 {
          let start = reader.position
          _ = try reader.readVi64()
          value = properties[start..<reader.position]
        } else {
          guard let count = Int(exactly: try reader.readVi64()) else { throw .truncated }
          value = try reader.readBytes(count)
        }
        if name <= 16 || name == Name.deletions { fields[name] = value }
      }
    } catch {
      throw .malformed("its properties: \(error)")
    }
    return fields
  }

  private static func list(_ value: Bytes, isSigned: Bool) throws(RemuxDrop) -> [Int64] {
    var reader = ByteReader(value)
    var list: [Int64] = []
    while !reader.isAtEnd {
      guard let code = try? reader.readVi64(), list.count < Int(sampleLimit) else {
        throw .malformed("a list that can't be read")
      }
      // Values above 63 bits are refused where they are used: none has more than 32.
      list.append(isSigned ? zigzag(code) : Int64(bitPattern: code))
    }
    return list
  }

  private static func zigzag(_ code: UInt64) -> Int64 {
    Int64(bitPattern: code >> 1) ^ -Int64(bitPattern: code & 1)
  }

  private static let sampleLimit: UInt64 = 65_536
}
