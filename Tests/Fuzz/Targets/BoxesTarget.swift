import CMAF
import Wire

/// Reads the input as a fragmented file, and holds each chunk to what chunks promise.
func fuzzBoxes(_ bytes: Bytes) {
  guard let file = try? FragmentedMP4File(bytes) else { return }
  for track in file.header.tracks {
    guard let header = try? file.header.selecting(trackID: track.trackID) else { continue }
    precondition(header.tracks.map(\.trackID) == [track.trackID], "one track is selected")
    precondition((try? CMAFHeader(header.bytes)) == header, "a header reads back")
  }
  for chunk in file.chunks.values.joined() {
    guard let again = try? CMAFChunk.parse(chunk.bytes, header: file.header) else {
      preconditionFailure("a chunk's bytes are a chunk")
    }
    precondition(again == [chunk], "a chunk reads back as itself")
    for sample in chunk.samples { _ = chunk.data(of: sample) }
    _ = try? chunk.events()
    if let track = file.header.track(chunk.trackID),
      let first = chunk.samples.first(where: { _ in true })
    {
      _ = SyncSample.isSync(codec: track.sampleEntry.format, chunk.data(of: first))
    }
    if let moved = try? chunk.shifted(byTicks: 1 << 33, header: file.header) {
      precondition(moved.decodeTime == chunk.decodeTime + 1 << 33, "a shift moves the time")
      precondition(moved.payload == chunk.payload, "a shift keeps the payload")
      let back = try? moved.shifted(byTicks: -1 << 33, header: file.header)
      precondition(back?.decodeTime == chunk.decodeTime, "a shift can be undone")
    }
    var assembler = ChunkAssembler(limitBytes: chunk.bytes.count)
    let cut = chunk.bytes.count / 2
    precondition((try? assembler.append(chunk.bytes.prefix(cut))) == .some(nil), "half waits")
    let whole = try? assembler.append(chunk.bytes.suffix(from: cut))
    precondition(whole == chunk.bytes, "halves are put together")
  }
}
