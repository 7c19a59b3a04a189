package import Packaging
package import Wire

/// Renders the multivariant playlist.
///
/// rfc8216bis §"Multivariant Playlist".
///
/// Rates are the catalog's where it declares them, or those of the segments that are listed, see
/// ``rate(declared:measured:)``: two bridges name the same.
package enum MultivariantPlaylist {
  package static func render(_ snapshot: PresentationSnapshot) -> Bytes {
    // A playlist that has nothing to list yet can't be fetched, and one that is over is not to begin with.
    let renditions = snapshot.renditions.filter(\.isNamed)
    let videos = renditions.filter { $0.info.kind == .video }
    let audios = renditions.filter { $0.info.kind == .audio }
    var text = TextWriter(reserving: 2048)
    text.write("#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n")
    let groups = audioGroups(audios)
    if !videos.isEmpty {
      for group in groups { writeMedia(group, to: &text) }
      for video in videos {
        if groups.isEmpty { writeVariant(video, audio: nil, to: &text) }
        for group in groups { writeVariant(video, audio: group, to: &text) }
      }
    } else {
      for audio in audios { writeVariant(audio, audio: nil, to: &text) }
    }
    for video in videos where video.rates.independentPeak > 0 { writeIFrames(video, to: &text) }
    return text.result
  }

  /// Audio renditions of one codec, which may replace each other.
  private struct AudioGroup {
    let id: String
    var renditions: [RenditionSnapshot]
  }

  private static func audioGroups(_ audios: [RenditionSnapshot]) -> [AudioGroup] {
    var groups: [AudioGroup] = []
    for audio in audios {
      if let index = groups.firstIndex(where: { $0.renditions[0].info.codec == audio.info.codec }) {
        groups[index].renditions.append(audio)
      } else {
        groups.append(AudioGroup(id: "audio\(groups.count)", renditions: [audio]))
      }
    }
    return groups
  }

  private static func writeMedia(_ group: AudioGroup, to text: inout TextWriter) {
    var names: Set<String> = []
    for (index, audio) in group.renditions.enumerated() {
      let name = uniqueName(audio.info, among: &names)
      text.write("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"\(group.id)\",NAME=\"\(name)\"")
      text.write(",LANGUAGE=\"\(quotable(audio.info.language ?? "und"))\"")
      text.write(index == 0 ? ",DEFAULT=YES" : ",DEFAULT=NO")
      text.write(",AUTOSELECT=YES")
      if audio.info.channels > 0 { text.write(",CHANNELS=\"\(audio.info.channels)\"") }
      text.write(",URI=\"\(MediaPath.encoded(audio.info.name))/media.m3u8\"\n")
    }
  }

  /// The label, the language or the track's name, whichever comes first and is free.
  private static func uniqueName(_ info: RenditionInfo, among names: inout Set<String>) -> String {
    let wishes = [info.label, info.language, info.name].compactMap { $0 }.map(quotable)
    for wish in wishes where !wish.isEmpty && names.insert(wish).inserted { return wish }
    var count = 2
    while !names.insert("\(quotable(info.name)) \(count)").inserted { count += 1 }
    return "\(quotable(info.name)) \(count)"
  }

  private static func writeVariant(
    _ rendition: RenditionSnapshot,
    audio: AudioGroup?,
    to text: inout TextWriter
  ) {
    let info = rendition.info
    var peak = rate(declared: info.declaredBitrate, measured: rendition.rates.peak)
    var average = rate(declared: nil, measured: rendition.rates.average)
    if average == 0 { average = peak }
    var codecs = rendition.codecs
    if let audio {
      let siblings = audio.renditions
      peak +=
        siblings.map { rate(declared: $0.info.declaredBitrate, measured: $0.rates.peak) }.max()
        ?? 0
      average += siblings.map { rate(declared: nil, measured: $0.rates.average) }.max() ?? 0
      for codec in siblings.flatMap(\.codecs) where !codecs.contains(codec) { codecs.append(codec) }
    }
    text.write("#EXT-X-STREAM-INF:BANDWIDTH=\(max(peak, 1))")
    text.write(",AVERAGE-BANDWIDTH=\(max(min(average, peak), 1))")
    text.write(",CODECS=\"\(codecs.joined(separator: ","))\"")
    if info.kind == .video {
      text.write(",RESOLUTION=\(info.width)x\(info.height)")
      if let rate = info.frameRate {
        text.write(",FRAME-RATE=")
        text.write(milliseconds: rate.thousandths)
      }
      if let range = info.videoRange { text.write(",VIDEO-RANGE=\(range)") }
      text.write(",CLOSED-CAPTIONS=NONE")
    }
    if let audio { text.write(",AUDIO=\"\(audio.id)\"") }
    text.write("\n\(MediaPath.encoded(info.name))/media.m3u8\n")
  }

  /// First pictures of segments alone, for seeking by sight.
  ///
  /// rfc8216bis §"EXT-X-I-FRAME-STREAM-INF".
  private static func writeIFrames(_ rendition: RenditionSnapshot, to text: inout TextWriter) {
    let info = rendition.info
    let rate = rate(declared: nil, measured: rendition.rates.independentPeak)
    let codecs = rendition.codecs.joined(separator: ",")
    text.write("#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=\(rate),CODECS=\"\(codecs)\"")
    text.write(",RESOLUTION=\(info.width)x\(info.height)")
    if let range = info.videoRange { text.write(",VIDEO-RANGE=\(range)") }
    text.write(",URI=\"\(MediaPath.encoded(info.name))/iframes.m3u8\"\n")
  }

  /// Steps of a decade, some 10 % apart.
  private static let steps = [
    10, 11, 12, 13, 15, 16, 18, 20, 22, 24, 27, 30, 33, 36, 39, 43, 47, 51, 56, 62, 68, 75, 82, 91,
    100,
  ]

  /// Bits per second: what is declared, or measured if that is more, up to the next step: catalogs
  /// declare what an encoder aims at, and playlists should seldom change.
  static func rate(declared: Int?, measured: Int) -> Int {
    // Past a terabit a second a catalog is not believed, and nothing overflows.
    let rate = min(max(declared ?? 0, measured, 0), 1_000_000_000_000)
    guard rate > 100 else { return rate }
    var unit = 1
    while rate / unit > 100 || rate / unit == 100 && rate % unit > 0 { unit *= 10 }
    let step = steps.first { $0 * unit >= rate } ?? 100
    return step * unit
  }

  /// A quoted-string may hold neither quotes nor line breaks.
  ///
  /// rfc8216bis §"Attribute Lists".
  private static func quotable(_ text: String) -> String {
    String(
      decoding: text.utf8.filter { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != 0x7F },
      as: UTF8.self
    )
  }
}
