/// The broadcasts of a serve loop by their paths.
struct BroadcastTable {
  /// Where the newest view of a broadcast is, as long as there is one: who has asked once need not look it up.
  final class Seat {
    fileprivate(set) var view: BroadcastView?
    fileprivate init() {}
  }

  private var seats: [BroadcastPath: Seat] = [:]

  func seat(of path: BroadcastPath) -> Seat? { seats[path] }

  subscript(path: BroadcastPath) -> BroadcastView? {
    get { seats[path]?.view }
    set {
      guard let newValue else {
        // Those who know the seat find it empty.
        seats.removeValue(forKey: path)?.view = nil
        return
      }
      let seat = seats[path] ?? Seat()
      seat.view = newValue
      seats[path] = seat
    }
  }
}
