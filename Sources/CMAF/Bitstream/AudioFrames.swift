package import Wire

/// An AAC frame header of MPEG-2 and MPEG-4 transports.
///
/// ISO/IEC 14496-3 §1.A.2.2.
package struct ADTSHeader: Sendable, Hashable {
  /// 2 for AAC-LC.
  package let objectType: UInt8
  package let rateIndex: UInt8
  package let channelConfiguration: UInt8
  /// 7, or 9 with a checksum.
  package let headerCount: Int
  /// Header included.
  package let frameCount: Int

  /// Reads the header at the start of `bytes`; nil when there is none or the frame is not all there.
  package init?(_ bytes: Bytes) {
    guard bytes.count >= 7, bytes[0] == 0xFF, bytes[1] & 0xF6 == 0xF0 else { return nil }
    headerCount = bytes[1] & 1 == 0 ? 9 : 7
    objectType = (bytes[2] >> 6) + 1
    rateIndex = bytes[2] >> 2 & 15
    channelConfiguration = (bytes[2] & 1) << 2 | bytes[3] >> 6
    frameCount = Int(bytes[3] & 3) << 11 | Int(bytes[4]) << 3 | Int(bytes[5] >> 5)
    // One raw data block: no other count is sent in practice.
    guard bytes[6] & 3 == 0, frameCount > headerCount, frameCount <= bytes.count,
      rateIndex < AudioSpecificConfig.rates.count
    else { return nil }
  }

  /// The configuration that the header stands for.
  package var configuration: Bytes {
    let packed =
      UInt16(objectType) << 11 | UInt16(rateIndex) << 7 | UInt16(channelConfiguration) << 3
    return [UInt8(packed >> 8), UInt8(truncatingIfNeeded: packed)]
  }

  /// Whether frames with this header can be those of a configuration, which may know more of them:
  /// spectral band replication doubles the rate, parametric stereo the one channel.
  package func agrees(with audio: AudioSpecificConfig) -> Bool {
    let rate = AudioSpecificConfig.rates[Int(rateIndex)]
    let isSpectral = audio.objectType == 5 || audio.objectType == 29
    guard rate == audio.sampleRate || isSpectral && rate * 2 == audio.sampleRate else {
      return false
    }
    let channels = channelConfiguration == 7 ? 8 : Int(channelConfiguration)
    return channels == 0 || audio.channels == 0 || channels == audio.channels
      || audio.objectType == 29 && channels == 1
  }
}

extension AudioSpecificConfig {
  /// A configuration for a codec text such as `mp4a.40.2`; nil for rates and channels that need more.
  ///
  /// HE-AAC is signalled explicitly: its core runs at half the output rate.
  package static func synthesized(codec: String, sampleRate: Int, channels: Int) -> Bytes? {
    let type = codec.split(separator: ".").dropFirst(2).first.flatMap { UInt8($0) } ?? 2
    guard let rate = UInt32(exactly: sampleRate), (1...8).contains(channels), channels != 7,
      let output = rates.firstIndex(of: rate)
    else { return nil }
    let layout = UInt32(channels == 8 ? 7 : channels)
    let bits: UInt32
    switch type {
    case 2: bits = (2 << 11 | UInt32(output) << 7 | layout << 3) << 16
    case 5, 29:
      guard rate % 2 == 0, let core = rates.firstIndex(of: rate / 2) else { return nil }
      // Parametric stereo codes one channel.
      let coded = type == 29 ? 1 : layout
      bits =
        UInt32(type) << 27 | UInt32(core) << 23 | coded << 19 | UInt32(output) << 15 | 2 << 10
    default: return nil
    }
    let bytes = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: bits >> UInt32($0)) }
    return Bytes(Array(bytes.prefix(type == 2 ? 2 : 4)))
  }
}

/// How long an Opus packet lasts.
package enum OpusPacket {
  /// In samples at 48 kHz, from the packet's first bytes; nil when it is no packet.
  ///
  /// RFC 6716 §3.1; a packet lasts 120 ms at most.
  package static func duration(_ packet: Bytes) -> Int? {
    guard !packet.isEmpty else { return nil }
    let configuration = Int(packet[0] >> 3)
    let frame =
      switch configuration {
      case ..<12: [480, 960, 1920, 2880][configuration & 3]
      case ..<16: [480, 960][configuration & 1]
      default: [120, 240, 480, 960][configuration & 3]
      }
    let count: Int
    switch packet[0] & 3 {
    case 0: count = 1
    case 1, 2: count = 2
    default:
      guard packet.count > 1 else { return nil }
      count = Int(packet[1] & 0x3F)
    }
    let total = frame * count
    return total > 0 && total <= 5760 ? total : nil
  }
}

/// How long a FLAC frame lasts.
package enum FLACFrame {
  /// In samples, from the frame's header; nil when it is no frame.
  ///
  /// RFC 9639 §9.1.
  package static func duration(_ frame: Bytes) -> Int? {
    guard frame.count > 6, frame[0] == 0xFF, frame[1] & 0xFE == 0xF8 else { return nil }
    let code = Int(frame[2] >> 4)
    switch code {
    case 1: return 192
    case 2...5: return 144 << code
    case 8...15: return 1 << code
    case 6, 7:
      // The size follows a number of 1…7 bytes, coded like UTF-8.
      let ones = (~frame[4]).leadingZeroBitCount
      let start = 4 + max(1, ones)
      guard ones != 1, ones < 8, frame.count > start + 2 else { return nil }
      return code == 6
        ? Int(frame[start]) + 1 : Int(frame[start]) << 8 + Int(frame[start + 1]) + 1
    default: return nil
    }
  }
}

/// An MPEG-1 or MPEG-2 audio frame of layer II or III.
///
/// ISO/IEC 11172-3 §2.4.2.3, 13818-3 §2.4.2.3.
package struct MPEGAudioHeader: Sendable, Hashable {
  package let sampleRate: UInt32
  package let channels: Int
  package let samplesPerFrame: Int
  /// 0x6B for MPEG-1, 0x69 for MPEG-2.
  package let objectTypeIndication: UInt8

  /// Reads the header at the start of `bytes`; nil when there is none.
  package init?(_ bytes: Bytes) {
    guard bytes.count >= 4, bytes[0] == 0xFF, bytes[1] & 0xE0 == 0xE0 else { return nil }
    let (version, layer) = (bytes[1] >> 3 & 3, bytes[1] >> 1 & 3)
    let rate = Int(bytes[2] >> 2 & 3)
    guard version != 1, layer == 1 || layer == 2, rate < 3 else { return nil }
    let base: UInt32 = [44_100, 48_000, 32_000][rate]
    sampleRate = version == 3 ? base : version == 2 ? base / 2 : base / 4
    channels = bytes[3] >> 6 == 3 ? 1 : 2
    samplesPerFrame = layer == 1 && version != 3 ? 576 : 1152
    objectTypeIndication = version == 3 ? 0x6B : 0x69
  }
}
