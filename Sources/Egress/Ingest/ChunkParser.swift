internal import CMAF
internal import Packaging
internal import Wire

/// Makes packageable chunks of CMAF bytes.
struct ChunkParser {
  /// Why bytes can't be packaged, as a sentence.
  struct Refusal: Error {
    let reason: String
  }

  /// What chunks are parsed under.
  let description: TrackDescription
  private let header: CMAFHeader
  private let isVideo: Bool
  private let codec: FourCC
  private let nalLengthSize: Int
  private let zero: UTCTime?

  init(_ plan: TrackPlan) {
    description = plan.description
    header = plan.header
    zero = plan.zero
    isVideo = plan.description.info.kind == .video
    codec = plan.header.tracks[0].sampleEntry.format
    nalLengthSize = plan.header.tracks[0].video?.nalLengthSize ?? 4
  }

  var timescale: UInt32 { header.tracks[0].timescale }

  /// The chunks of one object, at least one.
  func parse(_ bytes: Bytes) throws(Refusal) -> [MediaChunk] {
    let parsed: [CMAFChunk]
    do throws(CMAFError) {
      parsed = try CMAFChunk.parse(bytes, header: header)
    } catch {
      throw Refusal(reason: "\(error)")
    }
    var chunks: [MediaChunk] = []
    chunks.reserveCapacity(parsed.count)
    for chunk in parsed where chunk.duration > 0 {
      chunks.append(
        MediaChunk(
          start: chunk.decodeTime,
          duration: chunk.duration,
          isIndependent: isIndependent(chunk),
          firstSampleEnd: chunk.firstSampleEnd,
          bytes: chunk.bytes,
          producerTime: producerTime(chunk) ?? catalogTime(chunk),
          eventStreams: eventStreams(chunk)
        )
      )
    }
    guard !chunks.isEmpty else { throw Refusal(reason: "it has no samples with a duration") }
    if let wrong = chunks.first(where: { !$0.hasPlausibleTimes(timescale: timescale) }) {
      throw Refusal(
        reason: "its decode time \(wrong.start) or duration \(wrong.duration) is implausible at "
          + "\(timescale) ticks a second"
      )
    }
    return chunks
  }

  /// Kinds of the chunk's event messages; what can't be read is passed on, and not named.
  private func eventStreams(_ chunk: CMAFChunk) -> Set<EventStream> {
    guard chunk.movieFragmentOffset > 0, let events = try? chunk.events() else { return [] }
    return Set(events.compactMap(EventStream.init).prefix(Self.eventStreamLimit))
  }

  /// How many kinds one chunk can add.
  private static let eventStreamLimit = 8

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

  /// UTC of the chunk's decode time by the catalog; nil when it does not tell.
  private func catalogTime(_ chunk: CMAFChunk) -> UTCTime? {
    guard let zero, chunk.decodeTime <= MediaChunk.secondLimit * Int64(timescale) else {
      return nil
    }
    let time = MediaTime(ticks: chunk.decodeTime, timescale: timescale).rounded(toScale: 1_000_000)
    let (sum, overflow) = zero.microseconds.addingReportingOverflow(time)
    return overflow ? nil : UTCTime(microseconds: sum)
  }

  /// UTC of the chunk's decode time by its own word; nil for clocks of another kind.
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
    let limit = MediaChunk.secondLimit * Int64(timescale)
    guard !overflow, abs(Int128(offset)) <= limit else { return nil }
    let drift = MediaTime(ticks: offset, timescale: timescale).rounded(toScale: 1_000_000)
    return UTCTime(microseconds: seconds * 1_000_000 + fraction + drift)
  }
}
