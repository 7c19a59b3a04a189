// What ngtcp2 calls while it runs: each copies, records and returns.
//
// The context is the connection's stream table, which lives as long as the door's connection:
// `Connection` owns both and frees the latter first.
import CNgtcp2
import Wire

private func table(_ context: UnsafeMutableRawPointer?) -> StreamTable? {
  guard let context = unsafe context else { return nil }
  return unsafe Unmanaged<StreamTable>.fromOpaque(context).takeUnretainedValue()
}

func makeCallbacks() -> door_callbacks {
  unsafe door_callbacks(
    handshake_completed: { context, name, count in
      let name = unsafe UnsafeBufferPointer(start: name, count: count)
      let alpn = unsafe String(decoding: name, as: UTF8.self)
      unsafe table(context)?.completeHandshake(alpn: alpn)
    },
    stream_opened: { context, stream in
      unsafe table(context)?.open(stream)
    },
    stream_data: { context, stream, bytes, count, isFinal in
      guard let context = unsafe context else { return }
      let buffer = unsafe UnsafeBufferPointer(start: bytes, count: count)
      // Called for every packet; the connection keeps the table alive meanwhile.
      unsafe Unmanaged<StreamTable>.fromOpaque(context)._withUnsafeGuaranteedRef { table in
        unsafe table.receive(buffer.span, on: stream, isFinal: isFinal != 0)
      }
    },
    stream_reset: { context, stream, code in
      unsafe table(context)?.reset(stream, code: code)
    },
    stream_closed: { context, stream, hasCode, code in
      unsafe table(context)?.close(stream, code: hasCode != 0 ? code : nil)
    },
    stream_acknowledged: { context, stream, offset in
      unsafe table(context)?.acknowledge(stream, before: offset)
    },
    stream_unblocked: { context, stream in
      unsafe table(context)?.unblock(stream)
    },
    stream_credit: { context, bidirectional in
      unsafe table(context)?.noteCredit(bidirectional: bidirectional != 0)
    },
    datagram: { context, bytes, count in
      let buffer = unsafe UnsafeBufferPointer(start: bytes, count: count)
      unsafe table(context)?.report(.datagram(Bytes(Array(buffer))))
    },
    connection_id_added: { context, id in
      guard let id = unsafe id else { return }
      unsafe table(context)?.connectionIDChanges.append((id.pointee.value, true))
    },
    connection_id_retired: { context, id in
      guard let id = unsafe id else { return }
      unsafe table(context)?.connectionIDChanges.append((id.pointee.value, false))
    }
  )
}
