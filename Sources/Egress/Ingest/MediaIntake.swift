internal import CMAF
internal import MoQ
internal import Packaging
internal import Wire

/// Makes media objects of a track's MoQ objects, and notes where its groups end.
struct MediaIntake {
  /// What an object amounts to.
  enum Result {
    case media(MediaObject)
    case groupEnd(UInt64, at: UInt64)
    /// Nothing to package: an end marker.
    case nothing
    case malformed(String)
  }

  private struct Group {
    var highest: UInt64?
    var objects = 0
    var streams: Set<UInt64?> = []
  }

  private let header: CMAFHeader
  private let isVideo: Bool
  private let codec: FourCC
  private let nalLengthSize: Int
  private var groups: [UInt64: Group] = [:]
  private(set) var groupCount = 0

  init(_ plan: TrackPlan) {
    header = plan.header
    isVideo = plan.description.info.kind == .video
    codec = plan.header.tracks[0].sampleEntry.format
    nalLengthSize = plan.header.tracks[0].video?.nalLengthSize ?? 4
  }

  mutating func take(_ object: Object, now: Instant) -> Result {
    note(object)
    switch object.status {
    case .normal: break
    case .endOfGroup, .endOfTrack: return .groupEnd(object.group, at: object.id)
    default: return .nothing
    }
    guard !object.payload.isEmpty else { return .nothing }
    do throws(CMAFError) {
      let parsed = try CMAFChunk.parse(object.payload, header: header)
      let chunks = parsed.filter { $0.duration > 0 }.map { chunk in
        MediaChunk(
          start: chunk.decodeTime,
          duration: chunk.duration,
          isIndependent: isIndependent(chunk),
          bytes: chunk.bytes,
          producerTime: producerTime(chunk)
        )
      }
      guard !chunks.isEmpty else { return .malformed("it has no samples with a duration") }
      let timescale = header.tracks[0].timescale
      if let wrong = chunks.first(where: { !$0.hasPlausibleTimes(timescale: timescale) }) {
        return .malformed(
          "its decode time \(wrong.start) or duration \(wrong.duration) is implausible at "
            + "\(timescale) ticks a second"
        )
      }
      return .media(
        MediaObject(
          position: ObjectPosition(group: object.group, object: object.id),
          chunks: chunks,
          arrival: now
        )
      )
    } catch {
      return .malformed("\(error)")
    }
  }

  /// The end of a group that a stream's end tells; nil when it tells none.
  mutating func streamEnded(
    group: UInt64,
    subgroup: UInt64?,
    _ end: GroupStreamEnd
  ) -> (group: UInt64, end: UInt64)? {
    guard case .finished(let endOfGroup) = end, let known = groups[group],
      let highest = known.highest, highest < .max
    else { return nil }
    // A stream that ends without a word is the whole group where it carried all of it: publishers
    // that send a stream an object never mean that.
    guard endOfGroup || known.streams.count == 1 && (known.objects > 1 || !isVideo) else {
      return nil
    }
    return (group, highest + 1)
  }

  /// Forgets groups, whose ids may begin anew.
  mutating func restart() { groups = [:] }

  private mutating func note(_ object: Object) {
    if groups[object.group] == nil {
      groupCount += 1
      // Groups are over long before so many newer ones have begun.
      if groups.count >= 64, let oldest = groups.keys.min() { groups[oldest] = nil }
    }
    var group = groups[object.group] ?? Group()
    group.streams.insert(object.subgroup)
    if object.status == .normal {
      group.objects += 1
      group.highest = max(group.highest ?? 0, object.id)
    }
    groups[object.group] = group
  }

  /// Sync flags are believed only where the bitstream agrees: some muxers flag every sample.
  private func isIndependent(_ chunk: CMAFChunk) -> Bool {
    guard chunk.startsWithSync else { return false }
    guard isVideo, let first = chunk.samples.first(where: { _ in true }) else { return true }
    return SyncSample.isSync(
      codec: codec,
      nalLengthSize: nalLengthSize,
      chunk.data(of: first)
    ) ?? true
  }

  /// UTC of the chunk's decode time; nil for clocks of another kind.
  ///
  /// ISO/IEC 14496-12 §8.16.5.
  private func producerTime(_ chunk: CMAFChunk) -> UTCTime? {
    guard let reference = chunk.producerReferenceTime, [0, 1, 16, 24].contains(reference.flags)
    else { return nil }
    let seconds = Int64(reference.ntpTimestamp >> 32) - 2_208_988_800
    let fraction = Int64((reference.ntpTimestamp & 0xFFFF_FFFF) * 1_000_000 >> 32)
    let (offset, overflow) = chunk.decodeTime.subtractingReportingOverflow(
      Int64(bitPattern: reference.mediaTime)
    )
    let limit = MediaChunk.secondLimit * Int64(header.tracks[0].timescale)
    guard !overflow, abs(Int128(offset)) <= limit else { return nil }
    let drift = MediaTime(ticks: offset, timescale: header.tracks[0].timescale)
      .rounded(toScale: 1_000_000)
    return UTCTime(microseconds: seconds * 1_000_000 + fraction + drift)
  }
}
