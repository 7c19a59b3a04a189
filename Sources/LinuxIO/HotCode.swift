internal import CLinux
package import Wire

/// A thread's part of the way from the last datagram of a part to the answers that wait for it.
///
/// The linker lays its functions in one piece, see `Config/hot-functions.txt`.
package enum HotCode: Sendable {
  case ingest
  case serving

  /// After so long without work, what a thread runs is in no cache of the processor any more: others, of
  /// which there are more than this machine knows, have had it.
  private static let coolingTime = Interval.milliseconds(2)

  /// Fetches the code from memory, after a rest that was long enough to need it.
  ///
  /// In order, that takes 0.09 microseconds a KB. Run without, it comes a line at a time, and the thread
  /// waits 0.1 microseconds for each.
  package func fetch(afterRestOf rest: Interval) {
    guard rest >= Self.coolingTime else { return }
    switch self {
    case .ingest: clinux_fetch_ingest_code()
    case .serving: clinux_fetch_serve_code()
    }
  }
}
