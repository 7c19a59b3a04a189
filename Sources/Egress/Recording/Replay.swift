internal import LinuxIO
internal import Manifests
internal import MoQ
internal import Packaging
package import Wire

/// Packages a recording without a network and without waiting.
///
/// The same recording and configuration give the same files.
package enum Replay {
  /// A file of the packaged broadcast.
  package struct File: Sendable {
    /// Relative, with `/` between folders.
    package let path: String
    package let pieces: [Bytes]
  }

  /// What a replay made.
  package struct Result: Sendable {
    package let files: [File]
    /// What would have been logged.
    package let log: [String]
  }

  /// Packages the broadcast under the configuration's namespace; throws what is wrong with the recording.
  package static func run(
    _ recording: Bytes,
    _ configuration: Configuration
  ) throws -> Result {
    let (draft, entries) = try RecordingFormat.read(recording)
    guard let first = entries.first, let last = entries.last else {
      throw RecordingError.empty("it has no events")
    }
    let namespace = try configuration.upstream.trackNamespace()
    guard entries.contains(where: { $0.track.namespace == namespace }) else {
      let others = Set(entries.map { $0.track.namespace.joined() }).sorted()
      throw RecordingError.empty(
        "it has nothing of \(namespace.joined()), but of \(others.joined(separator: ", "))"
      )
    }
    let ingest = BroadcastIngest(
      configuration: configuration,
      source: configuration.upstream,
      namespace: namespace,
      fixedCatalog: try configuration.upstream.fixedCatalog()
    )
    let source = RecordedSource(entries)
    let share = SessionShare(source, draft: draft, transport: .quic, url: "the recording")
    let leg = LegID(broadcast: IngestCore.path(namespace), number: 0)
    var player = Player(ingest: ingest, source: source, leg: leg)
    ingest.join(leg, share, now: first.now)
    for entry in entries {
      player.pass(to: entry.now, utc: entry.utc)
      source.play(entry)
      player.settle(utc: entry.utc, now: entry.now)
    }
    // What waits for media that never came has waited long enough.
    let patience = configuration.packaging.primingPatience + Interval.seconds(60)
    player.pass(
      to: last.now + patience,
      utc: UTCTime(microseconds: last.utc.microseconds + patience.nanoseconds / 1000)
    )
    ingest.finish(now: last.now + patience)
    player.settle(utc: last.utc, now: last.now + patience)
    guard let snapshot = player.snapshot else {
      throw RecordingError.empty(player.log.last ?? "its tracks have no media")
    }
    return Result(files: files(snapshot), log: player.log)
  }

  private struct Player {
    let ingest: BroadcastIngest
    let source: RecordedSource
    let leg: LegID
    var snapshot: PresentationSnapshot?
    var log: [String] = []

    /// Lets everything happen that is due before a time.
    mutating func pass(to now: Instant, utc: UTCTime) {
      while let due = ingest.deadline, due <= now {
        let early = (now - due).nanoseconds / 1000
        let then = UTCTime(microseconds: utc.microseconds - early)
        ingest.handleTimeout(utc: then, now: due)
        settle(utc: then, now: due)
        if let next = ingest.deadline, next <= due { break }
      }
    }

    mutating func settle(utc: UTCTime, now: Instant) {
      while let event = source.poll() { ingest.handle(event, of: leg, utc: utc, now: now) }
      while let output = ingest.poll() {
        switch output {
        case .log(let level, let text): log.append("\(level.rawValue) \(text)")
        case .snapshot(let snapshot): self.snapshot = snapshot
        case .legFailed(_, let reason, _): log.append("error \(reason)")
        case .redirected(_, let uri): log.append("error it is at \(uri)")
        }
      }
    }
  }

  private static func files(_ snapshot: PresentationSnapshot) -> [File] {
    var files = [
      File(path: "index.m3u8", pieces: [MultivariantPlaylist.render(snapshot)]),
      File(
        path: "manifest.mpd",
        pieces: [
          MediaPresentation(
            snapshot,
            timeURL: "",
            publishTime: snapshot.renditions.compactMap { $0.segments.last?.endTime }.max()
              ?? UTCTime(microseconds: 0)
          ).render()
        ]
      ),
    ]
    for rendition in snapshot.renditions {
      let folder = MediaPath.encoded(rendition.info.name) + "/"
      if let edge = rendition.edge {
        files.append(
          File(
            path: folder + "media.m3u8",
            pieces: [MediaPlaylist(rendition, of: snapshot, asOf: edge).render()]
          )
        )
      }
      if rendition.rates.independentPeak > 0, let edge = rendition.edge(of: .iFrames) {
        files.append(
          File(
            path: folder + "iframes.m3u8",
            pieces: [MediaPlaylist(rendition, .iFrames, of: snapshot, asOf: edge).render()]
          )
        )
      }
      for header in Set(rendition.segments.map(\.initSegment)).sorted(by: { $0.name < $1.name }) {
        files.append(File(path: folder + MediaPath.initSegment(header), pieces: [header.bytes]))
      }
      for segment in rendition.segments where !segment.isGap {
        files.append(
          File(
            path: folder + MediaPath.segment(segment.epoch, start: segment.start),
            pieces: segment.pieces
          )
        )
        for part in segment.parts where !part.isGap {
          files.append(
            File(
              path: folder + MediaPath.part(segment.epoch, start: part.start),
              pieces: part.pieces
            )
          )
        }
      }
    }
    return files
  }
}
