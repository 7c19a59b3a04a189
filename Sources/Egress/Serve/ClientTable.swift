internal import LinuxIO

/// The clients of a loop by their registrations, which are small numbers that are used again.
///
/// A table finds one of ten thousand without hashing, and can be looked through in slices.
struct ClientTable {
  private var places: [Client?] = []
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  /// The client of a registration; nil when it has gone, or the registration is of something else.
  subscript(token: EventToken) -> Client? {
    let place = Int(token.slot)
    guard place < places.count, let client = places[place], client.token == token else {
      return nil
    }
    return client
  }

  mutating func insert(_ client: Client) {
    let place = Int(client.token.slot)
    while places.count <= place { places.append(nil) }
    if places[place] == nil { count += 1 }
    places[place] = client
  }

  mutating func remove(_ client: Client) {
    guard self[client.token] === client else { return }
    places[Int(client.token.slot)] = nil
    count -= 1
  }

  /// All, as they are now.
  var all: [Client] { places.compactMap { $0 } }

  /// One of `slice.count` parts of all: clients that came together are in different ones.
  func slice(_ slice: Rounds.Slice) -> [Client] {
    stride(from: slice.index, to: places.count, by: slice.count).compactMap { places[$0] }
  }
}
