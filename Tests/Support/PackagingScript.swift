internal import CMAF
package import Packaging
package import Wire

/// One track of a made-up broadcast: frames of constant length, some of them an object.
package struct ScriptedTrack: Sendable {
  package var name: String
  package var kind: MediaKind
  package var timescale: UInt32
  /// Ticks of one frame.
  package var frame: Int64
  package var framesPerObject: Int
  package var framesPerGroup: Int
  /// Bytes of one object.
  package var objectBytes = 64

  package static func video(
    _ name: String,
    timescale: UInt32 = 90_000,
    frame: Int64 = 3600,
    framesPerObject: Int = 1,
    framesPerGroup: Int = 50
  ) -> ScriptedTrack {
    ScriptedTrack(
      name: name,
      kind: .video,
      timescale: timescale,
      frame: frame,
      framesPerObject: framesPerObject,
      framesPerGroup: framesPerGroup
    )
  }

  /// AAC: 1024 samples a frame at 48 kHz.
  package static func audio(
    _ name: String = "audio",
    framesPerObject: Int = 1,
    framesPerGroup: Int = 94
  ) -> ScriptedTrack {
    ScriptedTrack(
      name: name,
      kind: .audio,
      timescale: 48_000,
      frame: 1024,
      framesPerObject: framesPerObject,
      framesPerGroup: framesPerGroup
    )
  }

  fileprivate var description: TrackDescription {
    var info = RenditionInfo(
      name: name,
      kind: kind,
      timescale: timescale,
      codec: kind == .video ? "avc1.64001f" : "mp4a.40.2"
    )
    if kind == .video {
      info.width = 1280
      info.height = 720
      info.frameRate = FrameRate(Int(timescale), Int(frame))
    } else {
      info.channels = 2
      info.sampleRate = 48_000
      info.language = "en"
    }
    return TrackDescription(info: info, header: Bytes(utf8: "header of \(name)"))
  }
}

extension RecordedBroadcast {
  /// UTC of media time 0 of broadcasts in tests.
  package static let epoch = UTCTime(microseconds: 1_795_000_000_000_000)

  /// A broadcast of tracks that all start at one time.
  ///
  /// - Parameters:
  ///   - tracks: the tracks, in catalog order.
  ///   - seconds: its length; the last groups are whole.
  ///   - startSeconds: the first decode time.
  ///   - firstGroup: the id of the first group.
  ///   - sendDelay: what is added to the times of sending, in microseconds.
  /// - Returns: the broadcast, its entries in the order of sending.
  package static func scripted(
    _ tracks: [ScriptedTrack],
    seconds: Int64,
    startSeconds: Int64 = 0,
    firstGroup: UInt64 = 0,
    sendDelay: Int64 = 0
  ) -> RecordedBroadcast {
    var entries: [Entry] = []
    for (index, track) in tracks.enumerated() {
      let first = startSeconds * Int64(track.timescale)
      let end = first + seconds * Int64(track.timescale)
      var start = first
      var group = firstGroup
      while start < end {
        var frame = 0
        while frame < track.framesPerGroup {
          let count = min(track.framesPerObject, track.framesPerGroup - frame)
          let duration = Int64(count) * track.frame
          let finish = MediaTime(ticks: start + duration, timescale: track.timescale)
          entries.append(
            Entry(
              track: index,
              position: ObjectPosition(
                group: group,
                object: UInt64(frame / track.framesPerObject)
              ),
              start: start,
              duration: duration,
              isIndependent: track.kind == .audio || frame == 0,
              endsGroup: frame + count == track.framesPerGroup,
              sentAt: finish.rounded(toScale: 1_000_000) + sendDelay,
              byteCount: track.objectBytes
            )
          )
          frame += count
          start += duration
        }
        group += 1
      }
    }
    // Sorting by all that tells entries apart keeps the order the same on every run.
    entries.sort { ($0.sentAt, $0.track, $0.start) < ($1.sentAt, $1.track, $1.start) }
    return RecordedBroadcast(
      tracks: tracks.map(\.description),
      entries: entries,
      zero: Self.epoch
    )
  }
}
