internal import CMAF
internal import MoQ
internal import Wire

/// Fragmented MP4 files as a live CMSF broadcast: fills a store of tracks as time goes on.
///
/// No IO.
final class LoopingBroadcast {
  let store: BroadcastStore
  let namespace: TrackNamespace
  private let packaging: PublishPackaging
  private var tracks: [LoopingTrack] = []
  private var places: [Int64] = []
  private var outlets: [BroadcastTrack] = []
  private var hasStarted = false

  /// Names and contents of files, which may hold several tracks each; other broadcasts may be in the
  /// store.
  init(
    namespace: TrackNamespace,
    files: [(name: String, content: Bytes)],
    packaging: PublishPackaging = .cmaf,
    store: BroadcastStore = BroadcastStore()
  ) throws(PublishError) {
    self.namespace = namespace
    self.packaging = packaging
    self.store = store
    for (name, content) in files { try read(name, content) }
    guard let lead = tracks.first(where: \.isVideo) ?? tracks.first else {
      throw PublishError("there is nothing to publish")
    }
    for index in tracks.indices { try tracks[index].follow(lead) }
    for track in tracks {
      // What was published a while ago must still be there for those who join.
      outlets.append(
        store.addTrack(
          FullTrackName(namespace, track.name),
          priority: track.isVideo ? 128 : 64,
          hasProperties: packaging == .loc
        )
      )
    }
  }

  private func read(_ name: String, _ content: Bytes) throws(PublishError) {
    let file: FragmentedMP4File
    do throws(CMAFError) {
      file = try FragmentedMP4File(content)
    } catch {
      throw PublishError("\(name) is not a fragmented MP4 file: \(error)")
    }
    for track in file.header.tracks {
      let header: CMAFHeader
      do throws(CMAFError) {
        header = try file.header.selecting(trackID: track.trackID)
      } catch {
        throw PublishError("\(name): \(error)")
      }
      let stem = name.split(separator: "/").last.map(String.init) ?? name
      let base = stem.hasSuffix(".mp4") ? String(stem.dropLast(4)) : stem
      let unique = file.header.tracks.count > 1 ? "\(base)-\(track.trackID)" : base
      guard !tracks.contains(where: { $0.name == unique }) else {
        throw PublishError("two tracks are called \(unique)")
      }
      tracks.append(
        try LoopingTrack(
          name: unique,
          header: header,
          chunks: file.chunks[track.trackID] ?? [],
          packaging: packaging
        )
      )
    }
  }

  /// The catalog.
  ///
  /// MSF §"Catalog".
  func catalog(generatedAt: UTCTime) -> Catalog {
    let videos = tracks.filter(\.isVideo).count
    let described = tracks.map { track in
      var entry = CatalogTrack(name: track.name, packaging: packaging.inCatalog)
      let media = track.header.tracks[0]
      entry.role = track.isVideo ? "video" : "audio"
      entry.codec = media.codec
      entry.bitrate = track.bitrate
      entry.renderGroup = 1
      entry.altGroup = track.isVideo && videos > 1 ? 1 : nil
      entry.timescale = Int64(track.timescale)
      entry.maxGOPDurationMilliseconds = track.isVideo ? track.longestGroup : nil
      entry.initialization = track.configuration.map { .data($0) }
      if let video = media.video {
        entry.width = Int64(video.width)
        entry.height = Int64(video.height)
        if let sample = track.chunks[0].samples.first(where: { $0.duration > 0 }) {
          entry.framerateThousandths = Int64(track.timescale) * 1000 / Int64(sample.duration)
        }
      }
      if let audio = media.audio {
        entry.sampleRate = Int64(audio.sampleRate)
        entry.channelConfiguration = String(audio.channels)
        entry.language = media.language == "und" ? nil : media.language
      }
      return entry
    }
    return Catalog(
      tracks: described,
      generatedAtMilliseconds: generatedAt.microseconds / 1000
    )
  }

  /// Publishes what is due: chunks whose media has ended by now.
  ///
  /// The first call begins with the group that is on.
  func advance(to utc: UTCTime, now: Instant) {
    if !hasStarted {
      hasStarted = true
      places = tracks.map { $0.groupStart(at: utc.microseconds) }
      let outlet = store.addTrack(catalogName, priority: 0)
      // Group ids grow over restarts.
      outlet.beginGroup(UInt64(max(0, utc.microseconds / 1_000_000)), now: now)
      outlet.append(encoded(catalog(generatedAt: utc)))
    }
    for index in tracks.indices {
      while true {
        let turn = tracks[index].turn(places[index])
        let end = microseconds(turn.start + turn.duration, tracks[index].timescale)
        guard end <= utc.microseconds else { break }
        if let group = turn.beginsGroup { outlets[index].beginGroup(group, now: now) }
        for object in tracks[index].objects(of: turn) {
          outlets[index].append(object.payload, properties: object.properties)
        }
        if turn.endsGroup { outlets[index].endGroup() }
        places[index] += 1
      }
    }
  }

  /// UTC at which the next chunk is due.
  var nextDue: UTCTime? {
    guard hasStarted else { return nil }
    let ends = tracks.indices.map { index in
      let turn = tracks[index].turn(places[index])
      return microseconds(turn.start + turn.duration, tracks[index].timescale)
    }
    return ends.min().map { UTCTime(microseconds: $0) }
  }

  /// Ends the broadcast.
  ///
  /// Media tracks end, and a last catalog says that none will follow. MSF §"Broadcast end".
  func end(now: Instant) {
    for outlet in outlets { outlet.end() }
    guard let outlet = store[catalogName], let last = outlet.largest else { return }
    var catalog = Catalog()
    catalog.isComplete = true
    outlet.beginGroup(last.group + 1, now: now)
    outlet.append(encoded(catalog))
    outlet.end()
  }

  private var catalogName: FullTrackName {
    FullTrackName(namespace, packaging == .hang ? "catalog.json" : "catalog")
  }

  private func encoded(_ catalog: Catalog) -> Bytes {
    packaging == .hang ? catalog.encodeForHang() : catalog.encode()
  }

  private func microseconds(_ ticks: Int64, _ scale: UInt32) -> Int64 {
    MediaTime(ticks: ticks, timescale: scale).rounded(toScale: 1_000_000)
  }
}
