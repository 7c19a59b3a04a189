package import Wire

/// The AC-3 or E-AC-3 syncframes of one sample.
///
/// ETSI TS 102 366 §4.3, §4.4, §E.1.2 and §E.1.3.
package struct DolbyDigitalFrame: Sendable, Hashable {
  package let isEnhanced: Bool
  package let sampleRate: UInt32
  /// Of the first independent substream; those of dependent ones are not counted.
  package let channels: Int
  /// In samples.
  package let duration: Int
  /// The body of the dac3 or dec3 box.
  package let record: Bytes

  /// Reads a sample's syncframes; nil when it does not begin with one.
  package init?(_ sample: Bytes) {
    guard let value = try? DolbyDigitalFrame(reading: sample) else { return nil }
    self = value
  }

  private init(reading sample: Bytes) throws(DecodeError) {
    let first = try Syncframe(sample)
    isEnhanced = first.identification > 10
    sampleRate = first.sampleRate
    channels = [2, 1, 2, 3, 3, 4, 4, 5][Int(first.mode)] + (first.hasLowFrequency ? 1 : 0)
    var writer = ByteWriter()
    guard isEnhanced else {
      duration = 1536
      let packed =
        first.rateCode << 22 | first.identification << 17 | first.streamMode << 14
        | first.mode << 11 | (first.hasLowFrequency ? 1 << 10 : 0) | first.bitrateCode << 5
      writer.writeBigEndian(UInt64(packed), width: 3)
      record = writer.bytes
      return
    }
    var blocks = 0
    var bytes = 0
    var dependents: UInt32 = 0
    var locations: UInt32 = 0
    var rest = sample
    while !rest.isEmpty {
      let frame = try Syncframe(rest)
      guard frame.identification > 10, frame.count <= rest.count else { throw .truncated }
      if frame.isDependent {
        // Only what belongs to the first block of frames describes the stream.
        if blocks == first.blocks {
          (dependents, locations) = (dependents + 1, locations | frame.locations)
        }
      } else if frame.substream == 0 {
        blocks += frame.blocks
      }
      bytes += frame.count
      rest = rest.suffix(from: frame.count)
    }
    duration = blocks * 256
    // To the nearest: at 44.1 kHz frames alternate in size, and any of them may be the first that is seen.
    let bits = bytes * 8 * Int(first.sampleRate)
    let rate = UInt32(clamping: (bits + duration * 500) / max(1, duration * 1000))
    writer.write(UInt16(truncatingIfNeeded: min(rate, 0x1FFF) << 3))
    let count = min(dependents, 15)
    var packed = first.rateCode << 22 | first.identification << 17 | first.streamMode << 12
    packed |= first.mode << 9 | (first.hasLowFrequency ? 1 << 8 : 0) | count << 1
    if count > 0 { packed |= locations >> 8 & 1 }
    writer.writeBigEndian(UInt64(packed), width: 3)
    if count > 0 { writer.write(UInt8(truncatingIfNeeded: locations)) }
    record = writer.bytes
  }
}

/// The header of one syncframe.
private struct Syncframe {
  let identification: UInt32
  let rateCode: UInt32
  let sampleRate: UInt32
  let streamMode: UInt32
  let mode: UInt32
  let hasLowFrequency: Bool
  /// bit_rate_code of dac3; AC-3 alone.
  let bitrateCode: UInt32
  /// In bytes.
  let count: Int
  let blocks: Int
  let isDependent: Bool
  let substream: UInt32
  /// chan_loc of dec3, of a dependent substream.
  let locations: UInt32

  init(_ bytes: Bytes) throws(DecodeError) {
    var bits = BitReader(bytes)
    guard try bits.read(16) == 0x0B77 else { throw .invalid("syncword") }
    // The identification is at the same place in both forms.
    var ahead = bits
    try ahead.skip(24)
    identification = try ahead.read(5)
    guard identification <= 16 else { throw .invalid("bsid \(identification)") }
    let rates: [UInt32] = [48_000, 44_100, 32_000]
    if identification <= 10 {
      try bits.skip(16)
      rateCode = try bits.read(2)
      let sizeCode = try bits.read(6)
      guard rateCode < 3, sizeCode < 38 else { throw .invalid("fscod or frmsizecod") }
      sampleRate = rates[Int(rateCode)] >> (identification > 8 ? identification - 8 : 0)
      bitrateCode = sizeCode >> 1
      try bits.skip(5)
      streamMode = try bits.read(3)
      mode = try bits.read(3)
      if mode & 1 == 1, mode != 1 { try bits.skip(2) }
      if mode & 4 != 0 { try bits.skip(2) }
      if mode == 2 { try bits.skip(2) }
      hasLowFrequency = try bits.flag()
      (count, blocks, isDependent, substream, locations) = (bytes.count, 6, false, 0, 0)
      return
    }
    bitrateCode = 0
    let type = try bits.read(2)
    isDependent = type == 1
    substream = try bits.read(3)
    count = (Int(try bits.read(11)) + 1) * 2
    rateCode = try bits.read(2)
    let code = Int(try bits.read(2))
    // Half rates have six blocks and the rate in the place of their number.
    if rateCode == 3 {
      guard code < 3 else { throw .invalid("fscod2") }
      sampleRate = rates[code] / 2
      blocks = 6
    } else {
      sampleRate = rates[Int(rateCode)]
      blocks = [1, 2, 3, 6][code]
    }
    mode = try bits.read(3)
    hasLowFrequency = try bits.flag()
    try bits.skip(5)
    (streamMode, locations) = try Syncframe.readRest(&bits, mode: mode, isDependent: isDependent)
  }

  /// Reads as far as chanmap; the stream mode of E-AC-3 lies behind much that is optional, and 0, the
  /// main service, is what all but archives have.
  private static func readRest(
    _ bits: inout BitReader,
    mode: UInt32,
    isDependent: Bool
  ) throws(DecodeError) -> (UInt32, UInt32) {
    for _ in 0..<(mode == 0 ? 2 : 1) {
      try bits.skip(5)
      if try bits.flag() { try bits.skip(8) }
    }
    guard isDependent, try bits.flag() else { return (0, 0) }
    let map = try bits.read(16)
    // chanmap's bits from the highest: L C R Ls Rs Lc/Rc Lrs/Rrs Cs Ts Lsd/Rsd Lw/Rw Vhl/Vhr Vhc …
    var locations: UInt32 = 0
    for bit in 5...12 as ClosedRange<UInt32> where map >> (15 - bit) & 1 == 1 {
      locations |= 1 << (bit - 5)
    }
    if map >> 1 & 1 == 1 { locations |= 1 << 8 }
    return (0, locations)
  }
}
