import CMAF
import Wire

/// Makes samples of VP9 frames and superframes, which stay as they are.
struct VP9SampleMaker: SampleMaker {
  private(set) var format: TrackFormat?
  private let codec: String?

  /// `codec` is the RFC 6381 text, whose level and colours no frame tells.
  init(codec: String?) { self.codec = codec }

  mutating func samples(
    of payload: Bytes,
    configuration: Bytes?
  ) throws(RemuxDrop) -> [CodedSample] {
    guard let isSync = SyncSample.isSync(codec: "vp09", payload) else {
      throw .malformed("it does not begin with a VP9 frame")
    }
    if isSync, let header = VP9FrameHeader(payload) {
      format = TrackFormat(
        format: "vp09",
        media: .video(VideoFormat(width: header.width, height: header.height)),
        configurationType: "vpcC",
        configuration: header.record(codec: codec)
      )
    }
    guard format != nil else { throw .unconfigured }
    return [CodedSample(data: payload, isSync: isSync, duration: 0)]
  }
}
