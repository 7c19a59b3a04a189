internal import Wire

/// Where one segment of one rendition lies; renditions are compared by these.
struct SegmentPlace: Sendable, Hashable {
  /// The rendition, by a name that a reader finds again.
  let rendition: String
  let kind: HeaderTrack.Kind
  /// What makes segments of several renditions one: a media sequence number or an index.
  let number: Int64
  let start: TrackTime
  let duration: TrackTime
}

extension CMAFRules {
  /// How far audio may start from its video, when a frame of it is not longer.
  static let audioStartTolerance = Interval.milliseconds(50)

  /// CMAF-011: the video segments of one number are the same time in every rendition of a switching
  /// set.
  static func judgeAlignment(_ places: [SegmentPlace], _ ledger: inout Ledger) {
    var firsts: [Int64: SegmentPlace] = [:]
    for place in places where place.kind == .video {
      guard let first = firsts[place.number] else {
        firsts[place.number] = place
        continue
      }
      guard first.rendition != place.rendition else { continue }
      let isSame =
        place.start.isSame(as: first.start) && place.duration.isSame(as: first.duration)
      ledger.expect(
        "CMAF-011",
        isSame,
        place.rendition,
        "segment \(place.number) at \(place.start) for \(place.duration), in \(first.rendition) "
          + "at \(first.start) for \(first.duration)"
      )
    }
  }

  /// CMAF-012: the audio segment of a number starts where the video segment does.
  ///
  /// `places` are those of all renditions, by numbers that count alike; `audioFrame` is how long an
  /// audio sample lasts.
  static func judgeAudioStarts(
    _ places: [SegmentPlace],
    audioFrame: Interval,
    _ ledger: inout Ledger
  ) {
    var videos: [Int64: SegmentPlace] = [:]
    for place in places where place.kind == .video && videos[place.number] == nil {
      videos[place.number] = place
    }
    let tolerance = max(audioFrame, audioStartTolerance)
    for place in places where place.kind == .audio {
      guard let video = videos[place.number] else { continue }
      let distance = place.start.distance(to: video.start)
      ledger.expect(
        "CMAF-012",
        !(tolerance < distance),
        place.rendition,
        "segment \(place.number) starts \(distance.nanoseconds / 1_000_000) ms from the video's"
      )
    }
  }
}
