/// What a rendition shows or plays.
package enum MediaKind: String, Sendable {
  case video
  case audio
  case text
}

/// What playlists and manifests say about a rendition; it does not change while the rendition lives.
package struct RenditionInfo: Equatable, Sendable {
  /// The track name, which names the rendition in URLs.
  package var name: String
  package var kind: MediaKind
  package var timescale: UInt32
  /// RFC 6381 codec string, from the sample entry.
  package var codec: String
  /// Coded size in pixels; 0 for other than video.
  package var width = 0
  package var height = 0
  /// Frames per second as a fraction; nil when unknown.
  package var frameRate: FrameRate?
  /// Channels and sampling rate in Hz; 0 for other than audio.
  package var channels = 0
  package var sampleRate = 0
  /// BCP 47; nil when unknown.
  package var language: String?
  package var label: String?
  package var role: String?
  /// Bits per second that the catalog declares; nil when it does not.
  package var declaredBitrate: Int?
  /// `SDR`, `PQ` or `HLG`; nil when the bitstream does not say.
  package var videoRange: String?
  /// The catalog's group of alternatives.
  package var alternateGroup: Int?

  package init(name: String, kind: MediaKind, timescale: UInt32, codec: String) {
    self.name = name
    self.kind = kind
    self.timescale = timescale
    self.codec = codec
  }
}

/// Frames per second as an exact fraction.
package struct FrameRate: Equatable, Sendable {
  package let numerator: Int
  package let denominator: Int

  /// Takes a positive fraction.
  package init(_ numerator: Int, _ denominator: Int) {
    precondition(numerator > 0 && denominator > 0, "a frame rate is positive")
    let divisor = Self.greatestCommonDivisor(numerator, denominator)
    self.numerator = numerator / divisor
    self.denominator = denominator / divisor
  }

  /// Thousandths of frames per second, rounded to the nearest.
  package var thousandths: Int { (numerator * 1000 + denominator / 2) / denominator }

  private static func greatestCommonDivisor(_ left: Int, _ right: Int) -> Int {
    right == 0 ? left : greatestCommonDivisor(right, left % right)
  }
}
