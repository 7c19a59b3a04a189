// Conversions between plain values and the door's C structs.
import CNgtcp2
import Wire

extension door_address {
  init(_ address: SocketAddress) {
    self.init()
    length = UInt8(address.address.count)
    port = address.port
    scope = address.scope
    unsafe withUnsafeMutableBytes(of: &bytes) { buffer in
      for offset in 0..<address.address.count { unsafe buffer[offset] = address.address[offset] }
    }
  }

  var value: SocketAddress {
    let count = length == 16 ? 16 : 4
    let address = unsafe withUnsafeBytes(of: bytes) { unsafe Array($0.prefix(count)) }
    return SocketAddress(address: Bytes(address), port: port, scope: scope)
  }
}

extension door_connection_id {
  var value: Bytes {
    let count = min(Int(length), 20)
    return unsafe Bytes(withUnsafeBytes(of: bytes) { unsafe Array($0.prefix(count)) })
  }
}

extension door_settings {
  init(_ configuration: QUICConfiguration) {
    self.init()
    idle_timeout = UInt64(clamping: configuration.idleTimeout.nanoseconds)
    handshake_timeout = UInt64(clamping: configuration.handshakeTimeout.nanoseconds)
    keep_alive = UInt64(clamping: configuration.keepAlive.nanoseconds)
    stream_window_bytes = UInt64(clamping: configuration.streamWindowBytes)
    connection_window_bytes = UInt64(clamping: configuration.connectionWindowBytes)
    max_remote_uni_streams = UInt64(clamping: configuration.maxRemoteUnidirectionalStreams)
    max_remote_bidi_streams = UInt64(clamping: configuration.maxRemoteBidirectionalStreams)
    max_datagram_bytes = UInt64(clamping: configuration.maxDatagramBytes)
    discover_mtu = configuration.discoversPathMTU ? 1 : 0
  }
}

/// Calls `body` with a buffer for the door's explanations; returns the result and the explanation.
func withExplanation<Result>(
  _ body: (UnsafeMutablePointer<CChar>) -> Result
) -> (Result, text: String) {
  var buffer = [CChar](repeating: 0, count: Int(DOOR_TEXT_BYTES))
  // The pointer is used inside the call only.
  let result = unsafe buffer.withUnsafeMutableBufferPointer { pointer -> Result? in
    guard let base = pointer.baseAddress else { return nil }
    return unsafe body(base)
  }
  guard let result = result else { preconditionFailure("a non-empty array has an address") }
  return (result, text(ofZeroTerminated: buffer))
}

private func text(ofZeroTerminated buffer: [CChar]) -> String {
  String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// The wire form of a list of protocols, RFC 7301 §3.1.
func encodeProtocols(_ names: [String]) throws(QUICError) -> [UInt8] {
  var list: [UInt8] = []
  for name in names {
    guard (1...255).contains(name.utf8.count) else {
      throw .setup("ALPN name of \(name.utf8.count) bytes: 1 to 255 are allowed")
    }
    list.append(UInt8(name.utf8.count))
    list.append(contentsOf: name.utf8)
  }
  guard (1...16).contains(names.count) else {
    throw .setup("\(names.count) ALPN names: 1 to 16 are allowed")
  }
  return list
}
