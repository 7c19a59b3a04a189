import CNgtcp2
package import Wire

// How datagrams are made: packets are filled from queued datagrams, then from streams in their order, then
// with whatever ngtcp2 has due (acknowledgements, retransmissions, credit, probes).
extension Connection {
  /// How one attempt at a packet ended.
  private enum Attempt {
    case wrote(Int)
    case nothingToWrite
    case failed(Int32)
  }

  /// Adds what may be sent now to a batch; true when more may follow at once, so that the owner
  /// sends the batch and calls again.
  package func writeDatagrams(into batch: inout DatagramBatch, now: Instant) -> Bool {
    if closePacketIsDue {
      guard batch.append(closePacket, to: destination) else { return true }
      closePacketIsDue = false
    }
    guard phase == .handshaking || phase == .established else { return false }
    let time = tick(now)
    // Pacing allows so much in one burst; the deadline tells when the next may go.
    let burst = max(unsafe door_burst_bytes(handle), 10 * Int(DOOR_MAX_DATAGRAM_BYTES))
    var burstBytes = 0
    var hasMore = false
    writing: while true {
      guard batch.freeByteCount >= Int(DOOR_MAX_DATAGRAM_BYTES), burstBytes < burst else {
        hasMore = true
        break
      }
      switch writePacket(into: &batch, time: time) {
      case .wrote(let count): burstBytes += count
      case .nothingToWrite: break writing
      case .failed(let result):
        settle(result, now: now)
        return closePacketIsDue
      }
    }
    if streams.droppedByteCount > 0 { settle(DOOR_OK.rawValue, now: now) }
    guard burstBytes > 0 else { return hasMore }
    if !streams.line.isEmpty || !datagrams.isEmpty {
      unsafe door_burst_written(handle, time)
    } else if phase == .established {
      let result = unsafe door_burst_forgotten(handle, time)
      if result != DOOR_OK.rawValue {
        settle(result, now: now)
        return closePacketIsDue
      }
    }
    return hasMore
  }

  private func writePacket(into batch: inout DatagramBatch, time: UInt64) -> Attempt {
    var written = door_written()
    var connectionIsBlocked = false
    let result = batch.withBuffer { span, used -> Int64 in
      unsafe span.withUnsafeMutableBufferPointer { buffer -> Int64 in
        let free = unsafe UnsafeMutableBufferPointer(rebasing: buffer[used...])
        return unsafe fillPacket(free, time: time, &written, &connectionIsBlocked)
      }
    }
    guard result >= 0 else { return .failed(Int32(truncatingIfNeeded: result)) }
    guard result > 0 else { return .nothingToWrite }
    if written.remote_changed != 0 { destination = written.remote.value }
    batch.commit(
      byteCount: Int(result),
      to: destination,
      congestionMark: written.congestion_mark
    )
    return .wrote(Int(result))
  }

  /// Offers one thing after the other until a packet is full or nothing is left to offer.
  private func fillPacket(
    _ buffer: UnsafeMutableBufferPointer<UInt8>,
    time: UInt64,
    _ written: inout door_written,
    _ connectionIsBlocked: inout Bool
  ) -> Int64 {
    let capacity = min(buffer.count, Int(DOOR_MAX_DATAGRAM_BYTES))
    let into = buffer.baseAddress
    while let datagram = datagrams.first {
      // ngtcp2 copies the frame into the packet before it returns.
      let result = unsafe datagram.slice.withUnsafeBufferPointer { bytes in
        unsafe door_write_datagram(
          handle,
          into,
          capacity,
          bytes.baseAddress,
          bytes.count,
          time,
          &written
        )
      }
      if written.accepted == 0 || result == DOOR_STREAM_SHUT.rawValue {
        datagrams.removeFirst()
      } else if result == 0, unsafe datagram.count > door_datagram_capacity(handle) {
        // The path's packets have become smaller since it was queued.
        datagrams.removeFirst()
        continue
      }
      if result == DOOR_STREAM_SHUT.rawValue || result == DOOR_WRITE_MORE.rawValue { continue }
      return result
    }
    while phase == .established, !connectionIsBlocked, let stream = streams.line.first {
      let result = unsafe offer(stream, into, capacity, time, &written)
      switch Int32(truncatingIfNeeded: result) {
      case DOOR_WRITE_MORE.rawValue: continue
      case DOOR_STREAM_BLOCKED.rawValue:
        if unsafe door_connection_credit(handle) == 0 {
          connectionIsBlocked = true
        } else {
          block(stream)
        }
      case DOOR_STREAM_SHUT.rawValue: abandon(stream)
      default: return result
      }
    }
    return unsafe door_write(handle, into, capacity, time, &written)
  }

  private func offer(
    _ stream: Int64,
    _ into: UnsafeMutablePointer<UInt8>?,
    _ capacity: Int,
    _ time: UInt64,
    _ written: inout door_written
  ) -> Int64 {
    guard var queue = streams.sending[stream], queue.hasWork else {
      return Int64(DOOR_STREAM_SHUT.rawValue)
    }
    var offersFinal = false
    let unsent = queue.unsentByteCount
    let result = unsafe queue.withNextSlices { slices, count, isFinal in
      offersFinal = isFinal
      return unsafe door_write_stream(
        handle,
        into,
        capacity,
        stream,
        slices,
        count,
        isFinal ? 1 : 0,
        time,
        &written
      )
    }
    if written.accepted >= 0 {
      // Closing a stream while writing can have changed the table; the queue may be gone.
      streams.sending[stream] = nil
      queue.accept(
        min(Int(clamping: written.accepted), unsent),
        tookFinal: offersFinal
      )
      streams.sending[stream] = queue
      streams.line.count(Int(clamping: written.accepted))
      if !queue.hasWork { streams.leaveLine(stream) }
    }
    return result
  }

  private func block(_ stream: Int64) {
    streams.leaveLine(stream)
    streams.sending[stream]?.isBlocked = true
  }

  /// The peer has asked for no more of a stream.
  private func abandon(_ stream: Int64) {
    streams.leaveLine(stream)
    guard var queue = streams.sending.removeValue(forKey: stream) else { return }
    queue.isAbandoned = true
    if !queue.stopWasReported {
      queue.stopWasReported = true
      let code = unsafe door_stop_code(handle, stream)
      streams.report(.stopSending(UInt64(stream), code: code >= 0 ? UInt64(code) : nil))
    }
    streams.sending[stream] = queue
  }
}
