import Wire

/// Writes a single-track `moof` again with another decode time, or with offsets that CMAF allows.
///
/// Boxes that don't change keep their bytes. Data offsets, and those of encryption data, are
/// moved by what the box grew.
enum MovieFragmentRewriter {
  /// The `moof` with a 64-bit decode time, default-base-is-moof and explicit data offsets.
  ///
  /// The sample data is taken to begin the `mdat` when the fragment gives offsets in a file.
  static func rewrite(
    _ movieFragment: Box,
    mdatHeaderCount: Int,
    decodeTime: Int64
  ) throws(CMAFError) -> Bytes {
    let measured = try write(movieFragment, decodeTime: decodeTime, firstOffset: 0, shift: 0)
    let fragment = try TrackFragment(movieFragment.required("traf"))
    let first = Int64(measured.count + mdatHeaderCount)
    var shift = Int64(measured.count - movieFragment.bytes.count)
    if fragment.header.baseDataOffset != nil {
      shift = first - Int64(fragment.runs[0].dataOffset ?? 0)
    }
    return try write(movieFragment, decodeTime: decodeTime, firstOffset: first, shift: shift)
  }

  private static func write(
    _ movieFragment: Box,
    decodeTime: Int64,
    firstOffset: Int64,
    shift: Int64
  ) throws(CMAFError) -> Bytes {
    var parts: [Bytes] = []
    for child in try movieFragment.children() {
      guard child.type == "traf" else {
        parts.append(child.bytes)
        continue
      }
      var inner = ByteWriter(reserving: child.bytes.count + 16)
      var isFirstRun = true
      for box in try child.children() {
        switch box.type {
        case "tfhd":
          var header = try TrackFragmentHeader(box)
          header.baseDataOffset = nil
          header.isDefaultBaseMoof = true
          header.write(to: &inner)
        case "tfdt": TrackFragmentDecodeTime(baseMediaDecodeTime: decodeTime).write(to: &inner)
        case "trun":
          try writeRun(box, firstOffset: isFirstRun ? firstOffset : nil, shift: shift, to: &inner)
          isFirstRun = false
        case "saio": try writeOffsets(box, shift: shift, to: &inner)
        default: inner.write(box.bytes)
        }
      }
      var traf = ByteWriter(reserving: inner.count + 8)
      traf.box("traf") { $0.write(inner.bytes) }
      parts.append(traf.bytes)
    }
    var moof = ByteWriter(reserving: movieFragment.bytes.count + 16)
    moof.box("moof") { box in
      for part in parts { box.write(part) }
    }
    return moof.bytes
  }

  /// Copies a run with its offset moved; a first run without one gets `firstOffset`.
  private static func writeRun(
    _ box: Box,
    firstOffset: Int64?,
    shift: Int64,
    to writer: inout ByteWriter
  ) throws(CMAFError) {
    var fields = FieldReader(box)
    let (version, flags) = try fields.versionAndFlags()
    let count = try fields.u32("sample_count")
    var offset = firstOffset
    if flags & TrackRun.Flag.dataOffset != 0 {
      offset = Int64(Int32(bitPattern: try fields.u32("data_offset"))) + shift
    }
    if let offset, Int32(exactly: offset) == nil { throw fields.invalid("data_offset", offset) }
    let rest = fields.rest()
    writer.fullBox(
      "trun",
      version: version,
      flags: offset == nil ? flags : flags | TrackRun.Flag.dataOffset
    ) { run in
      run.write(count)
      if let offset { run.write(Int32(truncatingIfNeeded: offset)) }
      run.write(rest)
    }
  }

  /// Copies sample auxiliary information offsets, ISO/IEC 14496-12 §8.7.9, moved.
  private static func writeOffsets(
    _ box: Box,
    shift: Int64,
    to writer: inout ByteWriter
  ) throws(CMAFError) {
    var fields = FieldReader(box)
    let (version, flags) = try fields.versionAndFlags()
    let type = flags & 1 != 0 ? try fields.bytes(8, "aux_info_type") : Bytes()
    let count = try fields.u32("entry_count")
    var offsets: [UInt64] = []
    for _ in 0..<count {
      let offset = try fields.versioned(version, "offset")
      offsets.append(UInt64(bitPattern: Int64(bitPattern: offset) &+ shift))
    }
    writer.fullBox("saio", version: version, flags: flags) { box in
      box.write(type)
      box.write(count)
      for offset in offsets { box.writeBigEndian(offset, width: version == 0 ? 4 : 8) }
    }
  }
}
