package import Wire

/// What one connection may make us hold or wait for.
package struct HTTPLimits: Sendable, Hashable {
  /// Request line and field section together, in bytes; past it 431.
  package var headBytes = 8192
  /// Request target, in bytes; past it 414.
  package var targetBytes = 4096
  /// Field lines of one request; past it 431.
  package var fields = 64
  /// Request content that is read and thrown away, in bytes; past it 413.
  package var bodyBytes = 16_384
  /// Requests taken from one connection before their answers have begun; at it reading stops.
  package var pipelinedRequests = 16
  /// Requests answered on one connection before it is closed.
  package var requestsPerConnection = 10_000
  /// From a request's first byte to the end of its head and content; past it 408.
  package var requestHeadTimeout = Interval.milliseconds(30_000)
  /// From the end of one answer to the first byte of the next request; past it the connection closes.
  package var idleTimeout = Interval.milliseconds(60_000)

  package init() {}
}
