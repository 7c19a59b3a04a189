internal import HTTP
internal import LinuxIO
internal import Wire

/// Requests that wait for one rendition.
struct Waiting {
  /// A request of which nothing is answered yet.
  struct Parked {
    let client: EventToken
    let request: RequestID
    let head: RequestHead
    let want: Want
    let deadline: Instant
  }

  /// A segment that is sent as it grows.
  struct Growing {
    let client: EventToken
    let request: RequestID
    var growth: Growth
    var deadline: Instant
  }

  /// What they wait for.
  struct Key: Hashable {
    let broadcast: BroadcastPath
    /// Nil for what waits until the broadcast begins.
    let rendition: String?
  }

  var parked: [Parked] = []
  var growing: [Growing] = []

  var isEmpty: Bool { parked.isEmpty && growing.isEmpty }
}
