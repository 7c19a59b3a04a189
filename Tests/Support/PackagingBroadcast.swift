package import Packaging
package import Wire

/// A made-up broadcast as its objects, for packaging without any network.
package struct RecordedBroadcast: Sendable {
  /// One object with the track it belongs to.
  package struct Entry: Sendable {
    package var track: Int
    package var position: ObjectPosition
    package var start: Int64
    package var duration: Int64
    package var isIndependent: Bool
    /// Whether the object is the last of its group.
    package var endsGroup: Bool
    /// When the publisher sends it, in microseconds after its clock's zero.
    package var sentAt: Int64
    /// How many bytes the payload has at least.
    package var byteCount = 0
    /// What its track is from it on, where that is not what it began with.
    package var description: TrackDescription?

    package init(
      track: Int,
      position: ObjectPosition,
      start: Int64,
      duration: Int64,
      isIndependent: Bool,
      endsGroup: Bool,
      sentAt: Int64,
      byteCount: Int = 0
    ) {
      self.track = track
      self.position = position
      self.start = start
      self.duration = duration
      self.isIndependent = isIndependent
      self.endsGroup = endsGroup
      self.sentAt = sentAt
      self.byteCount = byteCount
    }
  }

  package var tracks: [TrackDescription]
  package var entries: [Entry]
  /// UTC of media time 0.
  package var zero: UTCTime

  /// A ladder of video tracks (25 frames per second, 90 kHz) and one of audio (48 kHz, 1024 samples a
  /// frame), one frame an object.
  ///
  /// - Parameters:
  ///   - videos: the number of video tracks.
  ///   - groups: the number of groups.
  ///   - framesPerGroup: video frames of a group.
  ///   - firstGroup: the id of the first group.
  ///   - startTicks: the first decode time in 90 kHz ticks.
  ///   - zero: UTC of media time 0.
  /// - Returns: the broadcast, its entries in the order of sending.
  package static func ladder(
    videos: Int = 2,
    groups: Int,
    framesPerGroup: Int = 50,
    firstGroup: UInt64 = 0,
    startTicks: Int64 = 0,
    zero: UTCTime
  ) -> RecordedBroadcast {
    var tracks: [TrackDescription] = []
    for index in 0..<videos {
      var info = RenditionInfo(
        name: "video\(index)",
        kind: .video,
        timescale: 90_000,
        codec: "avc1.64001f"
      )
      info.width = 1280 >> index
      info.height = 720 >> index
      info.frameRate = FrameRate(25, 1)
      tracks.append(TrackDescription(info: info, header: Bytes(utf8: "header of video\(index)")))
    }
    var audio = RenditionInfo(name: "audio", kind: .audio, timescale: 48_000, codec: "mp4a.40.2")
    audio.channels = 2
    audio.sampleRate = 48_000
    tracks.append(TrackDescription(info: audio, header: Bytes(utf8: "header of audio")))

    var entries: [Entry] = []
    let groupTicks = Int64(framesPerGroup) * 3600
    for group in 0..<groups {
      for frame in 0..<framesPerGroup {
        for track in 0..<videos {
          let start = startTicks + Int64(group) * groupTicks + Int64(frame) * 3600
          entries.append(
            Entry(
              track: track,
              position: ObjectPosition(group: firstGroup + UInt64(group), object: UInt64(frame)),
              start: start,
              duration: 3600,
              isIndependent: frame == 0,
              endsGroup: frame == framesPerGroup - 1,
              sentAt: (start + 3600) * 100 / 9
            )
          )
        }
      }
    }
    let audioStart = startTicks * 48 / 90
    let end = audioStart + Int64(groups) * groupTicks * 48 / 90
    var start = (audioStart + 1023) / 1024 * 1024
    var group: UInt64 = .max
    var object: UInt64 = 0
    while start < end {
      let wanted = firstGroup + UInt64((start - audioStart) / (groupTicks * 48 / 90))
      if wanted != group {
        if let last = entries.indices.last, entries[last].track == videos, group != .max {
          entries[last].endsGroup = true
        }
        group = wanted
        object = 0
      }
      entries.append(
        Entry(
          track: videos,
          position: ObjectPosition(group: group, object: object),
          start: start,
          duration: 1024,
          isIndependent: true,
          endsGroup: false,
          sentAt: (start + 1024) * 125 / 6
        )
      )
      object += 1
      start += 1024
    }
    entries.sort { $0.sentAt < $1.sentAt }
    return RecordedBroadcast(tracks: tracks, entries: entries, zero: zero)
  }

  /// The object's bytes: a function of its track and position alone.
  package static func payload(_ entry: Entry) -> Bytes {
    let text =
      "<\(entry.track) \(entry.position.group) \(entry.position.object) \(entry.start)>"
    let padding = max(0, entry.byteCount - text.utf8.count)
    return Bytes(Array(text.utf8) + [UInt8](repeating: UInt8(ascii: "."), count: padding))
  }

  package func object(_ entry: Entry, arrival: Instant) -> MediaObject {
    MediaObject(
      position: entry.position,
      chunks: [
        MediaChunk(
          start: entry.start,
          duration: entry.duration,
          isIndependent: entry.isIndependent,
          bytes: Self.payload(entry)
        )
      ],
      arrival: arrival,
      description: entry.description
    )
  }
}

/// A small generator with a fixed sequence for each seed (SplitMix64).
package struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  package init(seed: UInt64) { state = seed }
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
