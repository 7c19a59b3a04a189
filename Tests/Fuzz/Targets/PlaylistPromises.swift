import Manifests
import Packaging
import Wire

/// What every sequence of snapshots keeps to, whatever the publisher does.
struct PlaylistPromises {
  private struct Name: Hashable {
    let rendition: String
    let epoch: String
    let start: Int64
  }

  private var segments: [Name: Segment] = [:]
  private var firstNumbers: [String: Int64] = [:]
  private var last: PresentationSnapshot?
  private var snapshotCount = 0

  mutating func take(_ snapshot: PresentationSnapshot) {
    snapshotCount += 1
    if let last {
      precondition(last.constants == snapshot.constants, "constants are constant")
      precondition(!last.isEnded || snapshot.isEnded, "what is over does not begin again")
    }
    for rendition in snapshot.renditions {
      check(rendition)
      if let first = rendition.segments.first?.number {
        precondition(
          first >= firstNumbers[rendition.info.name] ?? 1,
          "media sequence numbers never go back"
        )
        firstNumbers[rendition.info.name] = first
      }
    }
    let periods = snapshot.periods.map(\.number)
    precondition(zip(periods, periods.dropFirst()).allSatisfy { $0 < $1 }, "periods ascend")
    last = snapshot
    if snapshotCount % 64 == 1 { renderEverything() }
  }

  private mutating func check(_ rendition: RenditionSnapshot) {
    var previous: Segment?
    for segment in rendition.segments {
      precondition(segment.number > 0, "media sequence numbers are above 0: \(segment.number)")
      if let previous {
        precondition(previous.number < segment.number, "numbers ascend")
        precondition(previous.isComplete, "only the last segment grows")
        precondition(
          previous.discontinuitySequence <= segment.discontinuitySequence,
          "discontinuities are counted up"
        )
      }
      previous = segment
      var end = segment.start
      for part in segment.parts {
        precondition(part.start == end && part.duration >= 0, "parts are contiguous")
        end = part.end
      }
      guard let duration = segment.duration else { continue }
      precondition(duration >= 0, "durations are not negative")
      precondition(segment.parts.isEmpty || end == segment.end, "parts make up their segment")
      guard !segment.isGap else { continue }
      let name = Name(
        rendition: rendition.info.name,
        epoch: segment.epoch.name,
        start: segment.start
      )
      if let known = segments[name] {
        guard known.number != segment.number || snapshotCount % 16 == 1 else { continue }
        precondition(
          known == segment,
          "a URL names one content for ever: \(known), then \(segment)"
        )
      }
      segments[name] = segment
    }
  }

  /// Renders what is served of the newest snapshot, in every form.
  func renderEverything() {
    guard let last else { return }
    _ = MultivariantPlaylist.render(last)
    if last.renditions.contains(where: { !$0.segments.isEmpty }) {
      _ = MediaPresentation(
        last,
        timeURL: "http://localhost/time",
        publishTime: UTCTime(microseconds: 0)
      ).render()
    }
    for rendition in last.renditions {
      guard let edge = rendition.edge else { continue }
      for position in [edge, .part(edge.number, 0), .segment(edge.number - 1)]
      where position <= edge {
        let playlist = MediaPlaylist(rendition, of: last, asOf: position)
        _ = playlist.render()
        _ = playlist.render(skips: true)
      }
      for number in [
        edge.number - 1, edge.number, edge.number + 1, edge.number + 3, .max - 2, .min,
      ] {
        for part in [nil, 0, 3, Int.max] {
          let answer = rendition.availability(ofSegment: number, part: part, advancePartLimit: 6)
          if case .pending(let position) = answer { _ = rendition.satisfied(position) }
        }
      }
    }
  }
}
