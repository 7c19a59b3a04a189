import CMAF
import Wire

/// Objects of draft-cenzano-moq-media-interop: everything but the frame is in properties.
enum MediaInterop {
  /// Adds codec, rate and channels, which objects say, to what is known of a track.
  static func complete(_ source: inout RemuxSource, with object: RemuxObject) {
    switch object.properties.integer(mediaType) {
    case 0: source.codec = "avc1"
    case 1: source.codec = "opus"
    case 3: source.codec = "mp4a.40.2"
    default: return
    }
    guard let fields = audioFields(object, isQUIC: source.usesQUICIntegers) else { return }
    source.sampleRate = Int(exactly: fields[3])
    source.channels = Int(exactly: fields[4])
  }

  /// Reads an object's times and configuration.
  static func frame(
    of object: RemuxObject,
    _ source: RemuxSource
  ) throws(RemuxDrop) -> Frame {
    let isQUIC = source.usesQUICIntegers
    if source.kind == .audio {
      guard let fields = audioFields(object, isQUIC: isQUIC) else {
        throw .malformed("it has no audio metadata")
      }
      return Frame(
        payload: object.payload,
        presentation: try FrameReader.time(fields[1], fields[2])
      )
    }
    // IMMUTABLE_PROPERTIES took the older number.
    guard let bytes = object.properties.bytes(0x15) ?? object.properties.bytes(0x0B),
      let fields = integers(bytes, count: 5, isQUIC: isQUIC)
    else { throw .malformed("it has no video metadata") }
    let (end, overflow) = fields[2].addingReportingOverflow(fields[4])
    guard !overflow else { throw .time }
    return Frame(
      payload: object.payload,
      presentation: try FrameReader.time(fields[1], fields[3]),
      decode: try FrameReader.time(fields[2], fields[3]),
      decodeEnd: fields[4] == 0 ? nil : try FrameReader.time(end, fields[3]),
      configuration: object.properties.bytes(0x0D)
    )
  }

  /// Sequence, presentation time, timebase, rate, channels.
  private static func audioFields(_ object: RemuxObject, isQUIC: Bool) -> [UInt64]? {
    (object.properties.bytes(0x0F) ?? object.properties.bytes(0x13)).flatMap {
      integers($0, count: 5, isQUIC: isQUIC)
    }
  }

  private static func integers(_ bytes: Bytes, count: Int, isQUIC: Bool) -> [UInt64]? {
    var reader = ByteReader(bytes)
    var numbers: [UInt64] = []
    for _ in 0..<count {
      guard let number = try? PropertyBlock.integer(&reader, isQUIC: isQUIC) else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  private static let mediaType: UInt64 = 0x0A
}
