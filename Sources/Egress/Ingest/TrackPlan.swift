internal import CMAF
internal import MoQ
internal import Packaging
internal import Wire

/// How a catalog's track is packaged, or why it is not.
struct TrackPlan {
  let description: TrackDescription
  let header: CMAFHeader
  /// UTC of media time 0 by the catalog; nil when it does not say.
  let zero: UTCTime?

  /// Why a track is left out, as a sentence.
  struct Refusal: Error {
    let reason: String
  }

  /// Makes a plan from a track and its CMAF header's bytes.
  init(_ track: CatalogTrack, header bytes: Bytes) throws(Refusal) {
    let header: CMAFHeader
    do throws(CMAFError) {
      let whole = try CMAFHeader(bytes)
      guard let wanted = whole.tracks.first(where: { Self.kind($0, track) != nil }) else {
        throw CMAFError.missing(box: "trak", parent: "moov")
      }
      header = whole.tracks.count > 1 ? try whole.selecting(trackID: wanted.trackID) : whole
    } catch {
      throw Refusal(reason: "its header can't be read: \(error)")
    }
    guard let media = header.tracks.first, let kind = Self.kind(media, track) else {
      throw Refusal(reason: "its header has no audio or video track")
    }
    guard kind != .text else {
      throw Refusal(reason: "text tracks are not served yet")
    }
    guard media.timescale <= TrackDescription.timescaleLimit else {
      throw Refusal(reason: "its timescale of \(media.timescale) ticks a second is above 2^30")
    }
    var info = RenditionInfo(
      name: track.name,
      kind: kind,
      timescale: media.timescale,
      codec: media.codec
    )
    if let video = media.video {
      info.width = video.width
      info.height = video.height
      info.videoRange = video.colour?.videoRange.rawValue
    }
    if let audio = media.audio {
      info.channels = audio.channels
      info.sampleRate = Int(audio.sampleRate)
    }
    info.frameRate = track.framerateThousandths.flatMap { Self.frameRate(thousandths: $0) }
    info.language = track.language ?? (media.language == "und" ? nil : media.language)
    info.label = track.label
    info.role = track.role
    info.declaredBitrate = track.bitrate.map { Int(clamping: $0) }
    info.alternateGroup = track.altGroup.map { Int(clamping: $0) }
    let promised = track.maxGOPDurationMilliseconds ?? track.maxGroupDurationMilliseconds
    self.header = header
    zero = track.zeroMicroseconds.map { UTCTime(microseconds: $0) }
    description = TrackDescription(
      info: info,
      header: header.bytes,
      groupLength: promised.flatMap {
        $0 > 0 && $0 < 3_600_000 ? MediaTime(ticks: $0, timescale: 1000) : nil
      }
    )
  }

  private static func kind(_ media: CMAFTrack, _ track: CatalogTrack) -> MediaKind? {
    switch media.handler {
    case "vide": .video
    case "soun": .audio
    case "text", "subt": .text
    default: nil
    }
  }

  /// Rates that are meant as N/1.001 are made that again; the rest as written.
  private static func frameRate(thousandths: Int64) -> FrameRate? {
    guard thousandths > 0, thousandths < 1_000_000 else { return nil }
    for whole in [24, 30, 48, 60, 120] where abs(Int64(whole) * 1_000_000 / 1001 - thousandths) <= 6
    {
      return FrameRate(whole * 1000, 1001)
    }
    return FrameRate(Int(thousandths), 1000)
  }
}
