import Wire

extension CMAFChunk {
  /// This chunk moved on its timeline, all other bytes kept.
  ///
  /// What moves is the decode time and, with it, what is said on the same timeline: a `prft`'s media
  /// time and an `emsg`'s presentation time. A 32-bit decode time that no longer fits is
  /// written with 64 bits and the data offsets follow. Throws when the time leaves 0…2^62.
  package func shifted(byTicks ticks: Int64, header: CMAFHeader) throws(CMAFError) -> CMAFChunk {
    guard ticks != 0 else { return self }
    let (time, overflow) = decodeTime.addingReportingOverflow(ticks)
    guard !overflow, time >= 0, UInt64(time) <= TrackFragmentDecodeTime.maximum else {
      throw .invalid(
        box: "tfdt",
        field: "shifted time",
        value: "\(decodeTime) + \(ticks)",
        offset: movieFragmentOffset
      )
    }
    let timescale = header.track(trackID)?.timescale ?? 1
    var writer = ByteWriter(reserving: bytes.count + 8)
    var reader = BoxReader(bytes)
    var boxes: [Box] = []
    while let box = try reader.next() { boxes.append(box) }
    for (index, box) in boxes.enumerated() {
      switch box.type {
      case "prft":
        var reference = try ProducerReferenceTime(box)
        reference.mediaTime = UInt64(
          bitPattern: Int64(bitPattern: reference.mediaTime) &+ ticks
        )
        reference.write(to: &writer)
      case "emsg":
        var event = try EventMessage(box)
        if case .presentation(let start) = event.start, event.timescale > 0 {
          let shift = MediaTime(ticks: ticks, timescale: timescale).rounded(
            toScale: event.timescale
          )
          event.start = .presentation(
            ticks: UInt64(bitPattern: Int64(bitPattern: start) &+ shift)
          )
          event.write(to: &writer)
        } else {
          writer.write(box.bytes)
        }
      case "moof":
        let decodeTimeBox = try box.required("traf").required("tfdt")
        let version = try TrackFragmentDecodeTime(decodeTimeBox).version
        if version == 0, time > Int64(UInt32.max) {
          writer.write(
            try MovieFragmentRewriter.rewrite(
              box,
              mdatHeaderCount: boxes[index + 1].headerCount,
              decodeTime: time
            )
          )
        } else {
          let position = decodeTimeBox.offset - box.offset + decodeTimeBox.headerCount + 4
          writer.write(box.bytes.prefix(position))
          let width = version == 0 ? 4 : 8
          writer.writeBigEndian(UInt64(time), width: width)
          writer.write(box.bytes.suffix(from: position + width))
        }
      default: writer.write(box.bytes)
      }
    }
    return try CMAFChunk(writer.bytes, offset: 0, header: header)
  }
}

/// Arithmetic on times that a publisher may have made up.
private enum ChunkTime {
  /// A time moved, clamped to what its field can hold.
  static func moved(_ time: UInt64, by ticks: Int64) -> UInt64 {
    if ticks < 0 { return time < ticks.magnitude ? 0 : time - ticks.magnitude }
    let (moved, overflow) = time.addingReportingOverflow(ticks.magnitude)
    return overflow ? .max : moved
  }
}
