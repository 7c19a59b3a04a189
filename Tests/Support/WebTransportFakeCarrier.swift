package import MoQ
package import WebTransport

/// The transport in memory is a carrier as well: the two say the same of streams.
extension MoQFakeTransport: StreamCarrier {}

extension CarrierEvent {
  /// What happened on a transport in memory.
  package init(_ event: TransportEvent) {
    switch event {
    case .streamData(let stream, let bytes, let isFinal):
      self = .streamData(stream, bytes, isFinal: isFinal)
    case .streamReset(let stream, let code): self = .streamReset(stream, code: code)
    case .stopSending(let stream, let code): self = .stopSending(stream, code: code)
    case .datagram(let bytes): self = .datagram(bytes)
    case .streamCredit: self = .streamCredit
    }
  }
}
