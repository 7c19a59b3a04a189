import Wire

/// The first sample entry of a track: its codec and format.
///
/// ISO/IEC 14496-12 §8.5.2, §12.
package struct SampleEntry: Sendable, Hashable {
  /// The entry's four characters; of an encrypted track, those of the clear format.
  package let format: FourCC
  /// RFC 6381, as manifests print it.
  package let codec: String
  package let media: Media
  /// Protection scheme (`cenc`, `cbcs`); nil when the track is clear.
  package let protectionScheme: FourCC?

  package enum Media: Sendable, Hashable {
    case video(VideoFormat)
    case audio(AudioFormat)
    /// Text, subtitles, metadata and what is not known.
    case other
  }

  /// Reads the first entry of an `stsd` box.
  init(_ box: Box, handler: FourCC) throws(CMAFError) {
    var fields = FieldReader(box)
    _ = try fields.versionAndFlags()
    let count = try fields.u32("entry_count")
    guard count > 0, let entry = try box.children(after: 8).first else {
      throw .missing(box: "stsd", parent: "stbl")
    }
    switch handler {
    case "vide": try self.init(video: entry)
    case "soun": try self.init(audio: entry)
    default: self.init(format: entry.type)
    }
  }

  private init(format: FourCC) {
    self.format = format
    codec = "\(format)"
    media = .other
    protectionScheme = nil
  }

  private init(video entry: Box) throws(CMAFError) {
    var fields = FieldReader(entry)
    try fields.skip(24, "reserved")
    let width = try fields.u16("width")
    let height = try fields.u16("height")
    let children = try entry.children(after: SampleEntry.videoFieldsCount)
    func child(_ type: FourCC) -> Box? { children.first { $0.type == type } }
    func required(_ type: FourCC) throws(CMAFError) -> Box {
      guard let box = child(type) else { throw .missing(box: type, parent: entry.type) }
      return box
    }
    (format, protectionScheme) = try SampleEntry.clearFormat(of: entry, children)
    var colour: Colour?
    for box in children where box.type == "colr" {
      if let found = try Colour(box) {
        colour = found
        break
      }
    }
    var nalLengthSize: Int?
    switch format {
    case "avc1", "avc3":
      let configuration = try AVCConfiguration(required("avcC"))
      codec = configuration.codecString(format)
      nalLengthSize = configuration.nalLengthSize
    case "hvc1", "hev1":
      let configuration = try HEVCConfiguration(required("hvcC"))
      codec = configuration.codecString(format)
      nalLengthSize = configuration.nalLengthSize
    case "dvh1", "dvhe":
      nalLengthSize = try HEVCConfiguration(required("hvcC")).nalLengthSize
      let vision = if let box = child("dvvC") { box } else { try required("dvcC") }
      codec = try DolbyVisionConfiguration(vision).codecString(format)
    case "av01":
      let configuration = try AV1Configuration(required("av1C"))
      codec = configuration.codecString(format, colour: colour)
      colour = colour ?? configuration.colour
    case "vp08", "vp09":
      let configuration = try VPConfiguration(required("vpcC"))
      codec = configuration.codecString(format)
      colour = colour ?? configuration.colour
    default: codec = "\(format)"
    }
    media = .video(
      VideoFormat(
        width: Int(width),
        height: Int(height),
        pixelAspectRatio: try child("pasp").map { box throws(CMAFError) in
          try PixelAspectRatio(box)
        } ?? PixelAspectRatio(horizontal: 1, vertical: 1),
        colour: colour,
        nalLengthSize: nalLengthSize
      )
    )
  }

  private init(audio entry: Box) throws(CMAFError) {
    var fields = FieldReader(entry)
    try fields.skip(8, "reserved")
    let version = try fields.u16("version")
    try fields.skip(6, "reserved")
    var channels = Int(try fields.u16("channelcount"))
    try fields.skip(6, "samplesize and reserved")
    var rate = try fields.u32("samplerate") >> 16
    // QuickTime's version 1 has 16 bytes more; its version 2 is not ISO media.
    guard version < 2 else { throw fields.invalid("version", version) }
    let children = try entry.children(
      after: SampleEntry.audioFieldsCount + (version == 1 ? 16 : 0)
    )
    func required(_ type: FourCC) throws(CMAFError) -> Box {
      guard let box = children.first(where: { $0.type == type }) else {
        throw .missing(box: type, parent: entry.type)
      }
      return box
    }
    (format, protectionScheme) = try SampleEntry.clearFormat(of: entry, children)
    var samplesPerFrame: Int?
    switch format {
    case "mp4a":
      let descriptor = try ElementaryStreamDescriptor(required("esds"))
      codec = descriptor.codecString(format)
      if let audio = descriptor.audio {
        rate = audio.sampleRate
        if audio.channels > 0 { channels = audio.channels }
        // Parametric stereo makes two channels of one.
        if audio.objectType == 29, channels == 1 { channels = 2 }
        samplesPerFrame =
          (audio.isShortFrame ? 960 : 1024)
          * (audio.objectType == 5 || audio.objectType == 29 ? 2 : 1)
      }
    case "Opus":
      channels = try OpusConfiguration(required("dOps")).channels
      rate = 48_000
      codec = "Opus"
    case "fLaC":
      let configuration = try FLACConfiguration(required("dfLa"))
      channels = configuration.channels
      rate = configuration.sampleRate
      codec = "fLaC"
    case "ac-3":
      channels = try DolbyDigitalConfiguration(required("dac3")).channels
      codec = "ac-3"
      samplesPerFrame = 1536
    case "ec-3":
      channels = try DolbyDigitalConfiguration(required("dec3")).channels
      codec = "ec-3"
      samplesPerFrame = 1536
    default: codec = "\(format)"
    }
    media = .audio(
      AudioFormat(channels: channels, sampleRate: rate, samplesPerFrame: samplesPerFrame)
    )
  }

  /// The format before encryption and the scheme, ISO/IEC 14496-12 §8.12.
  private static func clearFormat(
    of entry: Box,
    _ children: [Box]
  ) throws(CMAFError) -> (FourCC, FourCC?) {
    guard entry.type == "encv" || entry.type == "enca" else { return (entry.type, nil) }
    guard let protection = children.first(where: { $0.type == "sinf" }) else {
      throw .missing(box: "sinf", parent: entry.type)
    }
    var original = FieldReader(try protection.required("frma"))
    var scheme = FieldReader(try protection.required("schm"))
    _ = try scheme.versionAndFlags()
    return (try original.fourCC("data_format"), try scheme.fourCC("scheme_type"))
  }

  private static let videoFieldsCount = 78
  private static let audioFieldsCount = 28
}

/// How a video track's pictures are coded.
package struct VideoFormat: Sendable, Hashable {
  /// Coded size in pixels, after cropping.
  package let width: Int
  package let height: Int
  package let pixelAspectRatio: PixelAspectRatio
  /// Nil when neither container nor configuration says.
  package let colour: Colour?
  /// Bytes before each NAL unit; nil for codecs without them.
  package let nalLengthSize: Int?

  package init(
    width: Int,
    height: Int,
    pixelAspectRatio: PixelAspectRatio = PixelAspectRatio(horizontal: 1, vertical: 1),
    colour: Colour? = nil,
    nalLengthSize: Int? = nil
  ) {
    self.width = width
    self.height = height
    self.pixelAspectRatio = pixelAspectRatio
    self.colour = colour
    self.nalLengthSize = nalLengthSize
  }
}

/// How an audio track's sound is coded.
package struct AudioFormat: Sendable, Hashable {
  package let channels: Int
  /// Output samples per second.
  package let sampleRate: UInt32
  /// Output samples of one frame; nil when frames vary.
  package let samplesPerFrame: Int?
  /// What a written sample entry says of the size of samples; 16 except for lossless codecs.
  package let bitsPerSample: Int

  package init(
    channels: Int,
    sampleRate: UInt32,
    samplesPerFrame: Int?,
    bitsPerSample: Int = 16
  ) {
    self.channels = channels
    self.sampleRate = sampleRate
    self.samplesPerFrame = samplesPerFrame
    self.bitsPerSample = bitsPerSample
  }
}
