internal import CMAF
internal import MoQ
internal import Remux
internal import Wire

/// Why files can't be published: which one and what is wrong.
package struct PublishError: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// One track of a fragmented MP4 file, played in an endless loop whose decode times are UTC: what is
/// sent at an instant depends on nothing but the file and the clock, so that a restarted publisher
/// goes on where it would have been.
struct LoopingTrack {
  /// One chunk of the loop, in its place.
  struct Turn {
    let index: Int
    /// In ticks since 1970.
    let start: Int64
    let duration: Int64
    /// The group that the chunk begins; nil when it is not a group's first.
    let beginsGroup: UInt64?
    /// Whether the chunk is the last of its group.
    let endsGroup: Bool
  }

  let name: String
  let header: CMAFHeader
  let timescale: UInt32
  let isVideo: Bool
  let chunks: [CMAFChunk]
  /// Makes objects of samples; nil where objects are the chunks themselves.
  private let encoder: ObjectEncoder?
  /// The length of one turn, in ticks; the same time for all tracks.
  private(set) var loopTicks: Int64
  /// Indices of the chunks that begin groups.
  private(set) var groupStarts: [Int]

  /// Takes a track's header and chunks.
  init(
    name: String,
    header: CMAFHeader,
    chunks: [CMAFChunk],
    packaging: PublishPackaging = .cmaf
  ) throws(PublishError) {
    guard let track = header.tracks.first, let first = chunks.first else {
      throw PublishError("\(name) holds no fragments; make it with -movflags +cmaf")
    }
    guard track.video != nil || track.audio != nil else {
      throw PublishError("\(name) is neither audio nor video")
    }
    self.name = name
    self.header = header
    self.chunks = chunks
    do throws(CMAFError) {
      encoder = try packaging.form.map { form throws(CMAFError) in
        try ObjectEncoder(header, form: form)
      }
    } catch {
      throw PublishError("\(name) can't be published as \(packaging.rawValue): \(error)")
    }
    timescale = track.timescale
    isVideo = track.video != nil
    loopTicks = chunks.reduce(0) { $0 + $1.duration }
    groupStarts = chunks.indices.filter { chunks[$0].startsWithSync }
    guard loopTicks > 0, !isVideo || first.startsWithSync else {
      throw PublishError("\(name) does not begin with a sync sample")
    }
  }

  /// The length of one turn.
  var length: MediaTime { MediaTime(ticks: loopTicks, timescale: timescale) }

  /// Bits per second over the loop.
  var bitrate: Int64 {
    let bits = Int128(chunks.reduce(0) { $0 + $1.bytes.count }) * 8
    return Int64(clamping: bits * Int128(timescale) / Int128(max(loopTicks, 1)))
  }

  /// The longest group, in milliseconds.
  var longestGroup: Int64 {
    let starts = groupStarts.map { chunks[$0].decodeTime - chunks[0].decodeTime } + [loopTicks]
    let longest = zip(starts, starts.dropFirst()).map { $1 - $0 }.max() ?? loopTicks
    return MediaTime(ticks: longest, timescale: timescale).rounded(toScale: 1000)
  }

  /// Makes the turn as long as the leading track's, and cuts groups where its groups begin.
  mutating func follow(_ lead: LoopingTrack) throws(PublishError) {
    let wanted = lead.length.rounded(toScale: timescale)
    let longest = chunks.map(\.duration).max() ?? 0
    guard abs(wanted - loopTicks) <= longest else {
      throw PublishError(
        "\(name) lasts \(length.seconds) s and \(lead.name) \(lead.length.seconds) s; "
          + "a loop needs equal lengths"
      )
    }
    loopTicks = wanted
    guard !isVideo else {
      guard groupStarts.count == lead.groupStarts.count else {
        throw PublishError("\(name) and \(lead.name) have different groups of pictures")
      }
      return
    }
    groupStarts = lead.groupStarts.map { index in
      let boundary = MediaTime(
        ticks: lead.chunks[index].decodeTime - lead.chunks[0].decodeTime,
        timescale: lead.timescale
      ).rounded(toScale: timescale)
      let offset = chunks[0].decodeTime + boundary
      return chunks.firstIndex { $0.decodeTime + $0.duration / 2 >= offset } ?? 0
    }
  }

  /// The chunk at a place in the endless sequence of chunks.
  func turn(_ place: Int64) -> Turn {
    let count = Int64(chunks.count)
    let (round, index) = place.quotientAndRemainder(dividingBy: count)
    let chunk = chunks[Int(index)]
    let start = round * loopTicks + chunk.decodeTime - chunks[0].decodeTime
    let group = groupStarts.lastIndex { $0 <= Int(index) } ?? 0
    let id = UInt64(round) * UInt64(groupStarts.count) + UInt64(group)
    let next = groupStarts.firstIndex { $0 == Int(index) + 1 }
    return Turn(
      index: Int(index),
      start: start,
      duration: chunk.duration,
      beginsGroup: groupStarts[group] == Int(index) ? id : nil,
      endsGroup: next != nil || Int(index) == chunks.count - 1
    )
  }

  /// What the catalog gives for a decoder: a CMAF header, or a bare configuration.
  var configuration: Bytes? { encoder.map(\.configuration) ?? header.bytes }

  /// The objects of a chunk, at the times of its turn.
  func objects(of turn: Turn) -> [(payload: Bytes, properties: Properties)] {
    guard let encoder else { return [(bytes(of: turn), Properties())] }
    let chunk = chunks[turn.index]
    var time = turn.start
    var isFirst = turn.beginsGroup != nil
    var objects: [ObjectEncoder.Object] = []
    for sample in chunk.samples {
      objects.append(
        encoder.object(
          chunk.data(of: sample),
          presentation: time + Int64(sample.compositionOffset),
          isFirstOfGroup: isFirst
        )
      )
      isFirst = false
      time += Int64(sample.duration)
    }
    if turn.endsGroup, isVideo, let marker = encoder.endMarker(presentation: time) {
      objects.append(marker)
    }
    return objects.map { ($0.payload, Properties($0.properties)) }
  }

  /// The bytes of a chunk with the decode time of its turn, and a number that ascends over turns.
  private func bytes(of turn: Turn) -> Bytes {
    let chunk = chunks[turn.index]
    let number = MovieFragmentHeader(decodeTime: turn.start, timescale: timescale).sequenceNumber
    // Nothing to shift can fail: times since 1970 fit in 62 bits at any timescale.
    return
      (try? chunk.shifted(byTicks: turn.start - chunk.decodeTime, header: header)
      .numbered(number, header: header).bytes) ?? chunk.bytes
  }

  /// The first chunk of the group that is on at a time in microseconds since 1970.
  func groupStart(at microseconds: Int64) -> Int64 {
    let ticks = MediaTime(ticks: microseconds, timescale: 1_000_000).rounded(toScale: timescale)
    let (round, rest) = ticks.quotientAndRemainder(dividingBy: loopTicks)
    let index = groupStarts.last { chunks[$0].decodeTime - chunks[0].decodeTime <= rest } ?? 0
    return round * Int64(chunks.count) + Int64(index)
  }
}
