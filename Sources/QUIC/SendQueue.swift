import CNgtcp2
import Wire

/// The bytes of one stream from `send` until the peer has acknowledged them.
struct SendQueue {
  /// A run of bytes at a fixed address.
  ///
  /// The address is that of the array's storage, which neither moves nor changes while `bytes`
  /// holds a reference: whoever else shares the array copies it before changing it.
  @safe private struct Chunk {
    let bytes: Bytes
    let address: UnsafePointer<UInt8>
  }

  private var chunks: [Chunk] = []
  /// Index of the oldest chunk not wholly acknowledged; those before are released.
  private var first = 0
  /// Stream offset of the first byte of `chunks[first]`.
  private var firstOffset: UInt64 = 0
  /// Where sending goes on: a chunk and the offset in it.
  private var next = 0
  private var nextOffset = 0

  /// Bytes not yet sent for the first time.
  private(set) var unsentByteCount = 0
  /// Bytes held, sent or not.
  private(set) var heldByteCount = 0
  /// The application has queued the end.
  private(set) var isFinished = false
  /// The end has been sent.
  private(set) var finalWasSent = false
  /// The peer's flow control lets no byte through.
  var isBlocked = false
  /// In the line of streams to write.
  var isReady = false
  /// Its place there; without one it goes before all that have one.
  var order: SendOrder?
  /// Reset here or stopped by the peer: nothing is sent any more.
  var isAbandoned = false
  /// The owner has been told that the peer stopped reading.
  var stopWasReported = false

  var hasWork: Bool {
    !isAbandoned && (unsentByteCount > 0 || (isFinished && !finalWasSent))
  }

  mutating func append(_ bytes: Bytes, isFinal: Bool) {
    if isFinal { isFinished = true }
    guard !bytes.isEmpty else { return }
    // The address outlives the closure because the chunk retains the storage, as said above.
    let address = unsafe bytes.slice.withUnsafeBufferPointer { buffer in buffer.baseAddress }
    guard let address = unsafe address else { return }
    unsafe chunks.append(Chunk(bytes: bytes, address: address))
    unsentByteCount += bytes.count
    heldByteCount += bytes.count
  }

  /// Calls `body` with the next runs to send and whether the stream ends after them.
  func withNextSlices<Result>(
    _ body: (UnsafePointer<door_slice>?, Int, _ isFinal: Bool) -> Result
  ) -> Result {
    // More than a packet's worth is never taken.
    var slices: [door_slice] = unsafe []
    unsafe slices.reserveCapacity(Int(DOOR_MAX_SLICES))
    var total = 0
    var chunk = next
    var offset = nextOffset
    while chunk < chunks.count, unsafe slices.count < Int(DOOR_MAX_SLICES),
      total < Int(DOOR_MAX_DATAGRAM_BYTES)
    {
      let count = chunks[chunk].bytes.count - offset
      unsafe slices.append(
        unsafe door_slice(bytes: chunks[chunk].address + offset, count: count)
      )
      total += count
      chunk += 1
      offset = 0
    }
    let isFinal = isFinished && chunk == chunks.count
    return unsafe slices.withUnsafeBufferPointer { buffer in
      unsafe body(buffer.baseAddress, buffer.count, isFinal)
    }
  }

  /// Moves on after the transport has taken bytes; `reachesEnd` when all that were offered, with
  /// the end of the stream.
  mutating func accept(_ count: Int, tookFinal: Bool) {
    var left = count
    unsentByteCount -= count
    while left > 0, next < chunks.count {
      let here = min(left, chunks[next].bytes.count - nextOffset)
      left -= here
      nextOffset += here
      if nextOffset == chunks[next].bytes.count {
        next += 1
        nextOffset = 0
      }
    }
    if tookFinal, unsentByteCount == 0 { finalWasSent = true }
  }

  /// Releases the bytes before a stream offset.
  mutating func acknowledge(before offset: UInt64) {
    while first < next {
      let count = chunks[first].bytes.count
      guard firstOffset + UInt64(count) <= offset else { break }
      firstOffset += UInt64(count)
      heldByteCount -= count
      // Lets the storage go now; the slot follows when many have gathered.
      unsafe chunks[first] = Chunk(bytes: Bytes(), address: chunks[first].address)
      first += 1
    }
    if first >= 32, first * 2 >= chunks.count {
      chunks.removeFirst(first)
      next -= first
      first = 0
    }
  }
}
