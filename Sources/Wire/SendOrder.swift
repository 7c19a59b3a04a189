/// When a stream's bytes go where not all can go at once.
package struct SendOrder: Equatable, Sendable {
  /// Streams of a smaller priority go first.
  package var priority: UInt16
  /// The streams of a flow go one after the other, the flows of one priority take turns.
  package var flow: UInt64
  /// Of a flow's streams, those of a smaller position go first.
  package var position: UInt64

  package init(priority: UInt16, flow: UInt64, position: UInt64) {
    self.priority = priority
    self.flow = flow
    self.position = position
  }
}
