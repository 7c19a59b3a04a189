import CMAF
import Wire

/// What the fields of a chunk mean, and the one form of it that every decoder builds.
///
/// draft-einarsson-moq-locmaf §"Canonical Reconstruction".
struct LOCMAFChunk: Sendable {
  private typealias Name = LOCMAFFields.Name

  private struct Subsample {
    let clear: UInt16
    let protected: UInt32
  }

  private let decodeTime: UInt64
  private let descriptionIndex: UInt32
  private let durations: [UInt32]
  private let sizes: [UInt32]
  private let flags: [UInt32]
  private let offsets: [Int32]
  /// For each sample its vector and, where the track has them, its subsamples.
  private let vectors: [Bytes]
  private let subsamples: [[Subsample]]?
  private let media: Bytes

  /// The decode time at which the chunk is over; nil past 64 bits.
  var end: UInt64? {
    let sum = durations.reduce(UInt64(0)) { $0 + UInt64($1) }
    let (end, overflow) = decodeTime.addingReportingOverflow(sum)
    return overflow ? nil : end
  }

  /// Fills in what the fields leave to defaults; `vectorSize` is nil for tracks that are not protected.
  init(
    _ fields: LOCMAFFields,
    defaults: TrackExtends,
    vectorSize: UInt8?,
    media: Bytes
  ) throws(RemuxDrop) {
    let count = fields.sampleCount
    guard let time = fields.scalars[Name.decodeTime], time <= 1 << 62 else { throw .time }
    decodeTime = time
    descriptionIndex = try Self.scalar(
      fields,
      Name.descriptionIndex,
      defaults.sampleDescriptionIndex
    )
    let duration = try Self.scalar(fields, Name.defaultDuration, defaults.sampleDuration)
    durations =
      try Self.list(fields, Name.durations) ?? Array(repeating: duration, count: count)
    sizes = try Self.sizes(fields, count, defaults, media.count)
    let common = try Self.scalar(fields, Name.defaultFlags, defaults.sampleFlags.rawValue)
    var flags = try Self.list(fields, Name.flags) ?? []
    if fields.lists[Name.flags] == nil {
      flags = Array(repeating: common, count: count)
      if count > 0 { flags[0] = try Self.scalar(fields, Name.firstFlags, common) }
    }
    self.flags = flags
    offsets = try (fields.lists[Name.compositionOffsets] ?? Array(repeating: 0, count: count))
      .map { value throws(RemuxDrop) in
        guard let offset = Int32(exactly: value) else { throw .malformed("a composition offset") }
        return offset
      }
    (vectors, subsamples) = try Self.protection(fields, count, vectorSize, sizes)
    self.media = media
  }

  private static func scalar(
    _ fields: LOCMAFFields,
    _ name: UInt64,
    _ fallback: UInt32
  ) throws(RemuxDrop) -> UInt32 {
    guard let value = fields.scalars[name] else { return fallback }
    guard let value = UInt32(exactly: value) else { throw .malformed("field \(name) of \(value)") }
    return value
  }

  private static func list(_ fields: LOCMAFFields, _ name: UInt64) throws(RemuxDrop) -> [UInt32]? {
    guard let values = fields.lists[name] else { return nil }
    var list: [UInt32] = []
    list.reserveCapacity(values.count)
    for value in values {
      guard let value = UInt32(exactly: value) else {
        throw .malformed("field \(name) of \(value)")
      }
      list.append(value)
    }
    return list
  }

  /// The last size follows from how much media there is.
  private static func sizes(
    _ fields: LOCMAFFields,
    _ count: Int,
    _ defaults: TrackExtends,
    _ total: Int
  ) throws(RemuxDrop) -> [UInt32] {
    func refuse() -> RemuxDrop { .malformed("sizes of \(count) samples don't make \(total) bytes") }
    if var listed = try list(fields, Name.sizes) {
      let rest = total - listed.reduce(0) { $0 + Int($1) }
      guard count > 0 else {
        guard total == 0 else { throw refuse() }
        return []
      }
      guard rest >= 0, let last = UInt32(exactly: rest) else { throw refuse() }
      listed.append(last)
      return listed
    }
    var size = fields.scalars[Name.defaultSize]
    if size == nil, count != 1, defaults.sampleSize != 0 { size = UInt64(defaults.sampleSize) }
    if size == nil, count == 1 || total == 0 { size = UInt64(total) }
    guard let size, let each = UInt32(exactly: size), count * Int(each) == total else {
      throw refuse()
    }
    return Array(repeating: each, count: count)
  }

  private static func protection(
    _ fields: LOCMAFFields,
    _ count: Int,
    _ vectorSize: UInt8?,
    _ sizes: [UInt32]
  ) throws(RemuxDrop) -> ([Bytes], [[Subsample]]?) {
    let lists = [Name.subsampleCounts, Name.clearBytes, Name.protectedBytes]
    guard let vectorSize else {
      guard fields.vectors == nil, fields.scalars[Name.vectorSize] == nil,
        lists.allSatisfy({ fields.lists[$0] == nil })
      else { throw .malformed("encryption of a track that is not protected") }
      return ([], nil)
    }
    let size = try scalar(fields, Name.vectorSize, UInt32(vectorSize))
    let bytes = fields.vectors ?? Bytes()
    guard size <= 255, bytes.count == Int(size) * count else {
      throw .malformed("\(bytes.count) bytes of vectors of \(size)")
    }
    let vectors =
      size == 0 ? [] : (0..<count).map { bytes[$0 * Int(size)..<($0 + 1) * Int(size)] }
    guard let counts = try list(fields, Name.subsampleCounts) else {
      guard lists.allSatisfy({ fields.lists[$0] == nil }) else {
        throw .malformed("subsamples without counts")
      }
      return (vectors, nil)
    }
    let clear = try list(fields, Name.clearBytes) ?? []
    let protected = try list(fields, Name.protectedBytes) ?? []
    var position = 0
    var subsamples: [[Subsample]] = []
    for (sample, count) in counts.enumerated() {
      // The size of a sample's auxiliary information is a byte.
      guard Int(size) + 2 + 6 * Int(count) <= 255, position + Int(count) <= clear.count,
        clear.count == protected.count
      else { throw .malformed("\(count) subsamples") }
      var total: UInt64 = 0
      subsamples.append([])
      for index in position..<position + Int(count) {
        guard let bytes = UInt16(exactly: clear[index]) else { throw .malformed("clear bytes") }
        subsamples[sample].append(Subsample(clear: bytes, protected: protected[index]))
        total += UInt64(bytes) + UInt64(protected[index])
      }
      guard count == 0 || total == UInt64(sizes[sample]) else {
        throw .malformed("subsamples that don't make their sample")
      }
      position += Int(count)
    }
    return (vectors, subsamples)
  }

  /// The chunk's bytes: the boxes before it, `moof` and `mdat`.
  func bytes(leading: [Bytes], trackID: UInt32, defaults: TrackExtends) throws(RemuxDrop) -> Bytes {
    guard media.count < Int(Int32.max) else { throw .malformed("\(media.count) bytes of media") }
    let count = flags.count
    let sharesDuration = durations.allSatisfy { $0 == durations.first }
    let sharesSize = sizes.allSatisfy { $0 == sizes.first }
    let sharesFlags = flags.dropFirst().allSatisfy { $0 == flags.last }
    let hasFirstFlags = count > 1 && sharesFlags && flags[0] != flags[1]
    var header = TrackFragmentHeader(trackID: trackID)
    func other<T: Equatable>(_ value: T?, than fallback: T) -> T? {
      value == fallback ? nil : value
    }
    header.sampleDescriptionIndex = other(
      descriptionIndex,
      than: defaults.sampleDescriptionIndex
    )
    if sharesDuration {
      header.sampleDuration = other(durations.first, than: defaults.sampleDuration)
    }
    if sharesSize { header.sampleSize = other(sizes.first, than: defaults.sampleSize) }
    if sharesFlags {
      header.sampleFlags = other(
        flags.last.map(SampleFlags.init(rawValue:)),
        than: defaults.sampleFlags
      )
    }
    var run: UInt32 = 1
    if hasFirstFlags { run |= 4 }
    if !sharesDuration { run |= 0x100 }
    if !sharesSize { run |= 0x200 }
    if !sharesFlags { run |= 0x400 }
    if offsets.contains(where: { $0 != 0 }) { run |= 0x800 }

    var writer = ByteWriter(reserving: media.count + 256 + count * 16)
    for box in leading { writer.write(box) }
    let start = writer.count
    var offsetPosition = 0
    writer.box("moof") { moof in
      MovieFragmentHeader(sequenceNumber: 0).write(to: &moof)
      moof.box("traf") { traf in
        header.write(to: &traf)
        TrackFragmentDecodeTime(baseMediaDecodeTime: Int64(decodeTime)).write(to: &traf)
        offsetPosition = writeRun(run, to: &traf)
        if !vectors.isEmpty || subsamples != nil { writeProtection(to: &traf, start) }
      }
    }
    writer.overwrite(UInt32(writer.count - start + 8), at: offsetPosition)
    writer.box("mdat") { $0.write(media) }
    return writer.bytes
  }

  /// Writes `trun` and says where its data offset is.
  private func writeRun(_ present: UInt32, to writer: inout ByteWriter) -> Int {
    var position = 0
    let version: UInt8 = offsets.contains { $0 < 0 } ? 1 : 0
    writer.fullBox("trun", version: version, flags: present) { run in
      run.write(UInt32(flags.count))
      position = run.count
      run.write(0 as UInt32)
      if present & 4 != 0 { run.write(flags[0]) }
      for index in flags.indices {
        if present & 0x100 != 0 { run.write(durations[index]) }
        if present & 0x200 != 0 { run.write(sizes[index]) }
        if present & 0x400 != 0 { run.write(flags[index]) }
        if present & 0x800 != 0 { run.write(offsets[index]) }
      }
    }
    return position
  }

  /// Writes `saiz`, `saio` and `senc`; `start` is where the `moof` begins.
  private func writeProtection(to writer: inout ByteWriter, _ start: Int) {
    let auxiliary = flags.indices.map { index in
      UInt8(
        clamping: (vectors.isEmpty ? 0 : vectors[index].count)
          + (subsamples.map { 2 + 6 * $0[index].count } ?? 0)
      )
    }
    let isUniform = auxiliary.allSatisfy { $0 == auxiliary.first }
    writer.fullBox("saiz") { box in
      box.write(isUniform ? auxiliary.first ?? 0 : 0)
      box.write(UInt32(auxiliary.count))
      if !isUniform { box.write(contentsOf: auxiliary) }
    }
    writer.fullBox("saio") { box in
      box.write(1 as UInt32)
      // The information begins behind this field and the header of `senc` with its count.
      box.write(UInt32(truncatingIfNeeded: box.count - start + 4 + 16))
    }
    writer.fullBox("senc", flags: subsamples == nil ? 0 : 2) { box in
      box.write(UInt32(flags.count))
      for index in flags.indices {
        if !vectors.isEmpty { box.write(vectors[index]) }
        guard let subsamples else { continue }
        box.write(UInt16(subsamples[index].count))
        for subsample in subsamples[index] {
          box.write(subsample.clear)
          box.write(subsample.protected)
        }
      }
    }
  }
}
