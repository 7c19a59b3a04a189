package import Wire

/// Looks into a sample's bitstream for what its flags claim.
package enum SyncSample {
  /// Whether decoding can start at a sample: IDR or IRAP pictures, H.264 recovery points, shown key
  /// frames.
  ///
  /// `nalLengthSize` matters to H.264 and HEVC alone. Nil when the codec is not known here or the
  /// sample is too broken to tell; encrypted samples of AV1 and VP9 can't be told either.
  package static func isSync(
    codec: FourCC,
    nalLengthSize: Int = 4,
    _ sample: Bytes
  ) -> Bool? {
    switch codec {
    case "avc1", "avc3":
      avc(sample, nalLengthSize)
    case "hvc1", "hev1":
      firstPicture(sample, nalLengthSize) { unit in
        let type = unit[0] >> 1 & 0x3F
        return type < 32 ? (16...23).contains(type) : nil
      }
    case "av01": av1(sample)
    case "vp09": vp9(sample)
    default: nil
    }
  }

  private static func avc(_ sample: Bytes, _ lengthSize: Int) -> Bool? {
    var isRecoveryPoint = false
    return firstPicture(sample, lengthSize) { unit in
      isRecoveryPoint = isRecoveryPoint || RecoveryPoint.isImmediate(unit)
      let type = unit[0] & 0x1F
      return (1...5).contains(type) ? type == 5 || isRecoveryPoint : nil
    }
  }

  /// Asks about the first NAL unit that holds picture data; `classify` gives nil for others.
  private static func firstPicture(
    _ sample: Bytes,
    _ lengthSize: Int,
    _ classify: (Bytes) -> Bool?
  ) -> Bool? {
    var reader = ByteReader(sample)
    while let length = try? reader.readBigEndian(lengthSize),
      let unit = try? reader.readBytes(Int(length))
    {
      guard !unit.isEmpty else { continue }
      if let answer = classify(unit) { return answer }
    }
    return nil
  }

  /// A key frame that is shown, after a sequence header: AV1 ISO binding §2.4.
  private static func av1(_ sample: Bytes) -> Bool? {
    var hasSequenceHeader = false
    for unit in AV1Units(sample) {
      if unit.type == AV1Units.sequenceHeader { hasSequenceHeader = true }
      if unit.type == AV1Units.frame || unit.type == AV1Units.frameHeader {
        guard !unit.payload.isEmpty else { return nil }
        let first = unit.payload[0]
        // show_existing_frame 0, frame_type KEY_FRAME (0), show_frame 1.
        return hasSequenceHeader && first & 0xF0 == 0x10
      }
    }
    return nil
  }

  /// frame_marker 2, show_existing_frame 0, frame_type 0: VP9 bitstream §6.2.
  private static func vp9(_ sample: Bytes) -> Bool? {
    var bits = BitReader(sample)
    guard let marker = try? bits.read(2), marker == 2, let low = try? bits.read(1),
      let high = try? bits.read(1)
    else { return nil }
    if low + high * 2 == 3, (try? bits.skip(1)) == nil { return nil }
    guard let showsExisting = try? bits.flag(), let isInter = try? bits.flag() else { return nil }
    return !showsExisting && !isInter
  }
}
