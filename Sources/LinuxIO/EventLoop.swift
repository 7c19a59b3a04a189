internal import CLinux
package import Wire

/// What a descriptor is ready for.
package struct Readiness: Sendable, Equatable {
  package let canRead: Bool
  package let canWrite: Bool
  /// The peer sends nothing after what there is to read.
  package let hasEnded: Bool
  /// The peer is gone or the socket failed; reading tells how.
  package let isHungUp: Bool

  /// What a look at a descriptor that no event was reported for goes by.
  package static let readable = Readiness(
    canRead: true,
    canWrite: false,
    hasEnded: false,
    isHungUp: false
  )
}

/// A registration with an event loop.
///
/// A closed descriptor's number may be reused by the kernel, so a token carries a generation and
/// an event for an older one is dropped.
package struct EventToken: Hashable, Sendable {
  /// The place of the registration: as small as may be, and used again by later ones.
  package let slot: UInt32
  let generation: UInt32
  var packed: UInt64 { UInt64(generation) << 32 | UInt64(slot) }

  package func hash(into hasher: inout Hasher) { hasher.combine(packed) }
}

/// Epoll with stale events filtered out.
///
/// Not Sendable: it belongs to one thread.
package final class EventLoop {
  private struct Slot {
    var generation: UInt32 = 0
    var isUsed = false
    /// Added to what a registration is watched for: EPOLLET or nothing.
    var trigger: UInt32 = 0
  }

  /// Events taken from the kernel in one wait; fewer mean that nothing else was ready.
  package static let eventsPerWait = 64

  private let epoll: FileDescriptor
  private var slots: [Slot] = []
  private var free: [UInt32] = []
  private var events = [UInt32](repeating: 0, count: EventLoop.eventsPerWait)
  private var tokens = [UInt64](repeating: 0, count: EventLoop.eventsPerWait)

  package init() throws(SystemError) {
    let descriptor = clinux_epoll_create()
    guard descriptor >= 0 else { throw SystemError("epoll_create1") }
    epoll = FileDescriptor(owning: descriptor)
  }

  /// Starts watching a descriptor for input, and for output when asked.
  ///
  /// It is reported as long as it is ready, or with `onlyChanges` when it becomes so: what is left
  /// unread or unwritten then is told once more by ``modify(_:_:readable:writable:)``. That spares the
  /// kernel a second look at each descriptor.
  package func add(
    _ descriptor: CInt,
    writable: Bool = false,
    onlyChanges: Bool = false
  ) throws(SystemError) -> EventToken {
    let index: UInt32
    if let reused = free.popLast() {
      index = reused
    } else {
      index = UInt32(slots.count)
      slots.append(Slot())
    }
    slots[Int(index)].generation &+= 1
    slots[Int(index)].isUsed = true
    slots[Int(index)].trigger = onlyChanges ? EPOLLET.rawValue : 0
    let token = EventToken(slot: index, generation: slots[Int(index)].generation)
    let interest = Self.interest(readable: true, writable: writable) | slots[Int(index)].trigger
    guard
      clinux_epoll_control(epoll.rawValue, EPOLL_CTL_ADD, descriptor, interest, token.packed) == 0
    else {
      slots[Int(index)].isUsed = false
      free.append(index)
      throw SystemError("epoll_ctl")
    }
    return token
  }

  /// Changes what a registered descriptor is watched for; what it is ready for by now is reported.
  package func modify(
    _ descriptor: CInt,
    _ token: EventToken,
    readable: Bool,
    writable: Bool
  ) {
    let interest =
      Self.interest(readable: readable, writable: writable) | slots[Int(token.slot)].trigger
    _ = clinux_epoll_control(epoll.rawValue, EPOLL_CTL_MOD, descriptor, interest, token.packed)
  }

  /// Stops watching; call before the descriptor is closed.
  package func remove(_ descriptor: CInt, _ token: EventToken) {
    guard slots[Int(token.slot)].generation == token.generation, slots[Int(token.slot)].isUsed
    else { return }
    _ = clinux_epoll_control(epoll.rawValue, EPOLL_CTL_DEL, descriptor, 0, token.packed)
    slots[Int(token.slot)].isUsed = false
    free.append(token.slot)
  }

  /// Waits until something is ready or the deadline passes and reports each ready registration.
  ///
  /// A registration that `body` removes is not reported later in the same turn.
  package func wait(
    until deadline: Instant?,
    _ body: (EventToken, Readiness) -> Void
  ) throws(SystemError) {
    var nanoseconds: Int64 = -1
    if let deadline { nanoseconds = max(0, (deadline - Clock.now).nanoseconds) }
    let count = unsafe events.withUnsafeMutableBufferPointer { events in
      unsafe tokens.withUnsafeMutableBufferPointer { tokens in
        retrying {
          unsafe Int(
            clinux_epoll_wait(
              epoll.rawValue,
              events.baseAddress,
              tokens.baseAddress,
              CInt(Self.eventsPerWait),
              nanoseconds
            )
          )
        }
      }
    }
    guard count >= 0 else { throw SystemError("epoll_wait") }
    for index in 0..<count {
      let token = EventToken(
        slot: UInt32(truncatingIfNeeded: tokens[index]),
        generation: UInt32(truncatingIfNeeded: tokens[index] >> 32)
      )
      let slot = slots[Int(token.slot)]
      guard slot.isUsed, slot.generation == token.generation else { continue }
      let bits = events[index]
      let hungUp = bits & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
      body(
        token,
        Readiness(
          // A peer that closed its side is read to the end like any other.
          canRead: bits & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0,
          canWrite: bits & EPOLLOUT.rawValue != 0,
          hasEnded: bits & EPOLLRDHUP.rawValue != 0,
          isHungUp: hungUp
        )
      )
    }
  }

  private static func interest(readable: Bool, writable: Bool) -> UInt32 {
    // Half-close is reported only to a reader: a connection that is not read from must not spin.
    (readable ? EPOLLIN.rawValue | EPOLLRDHUP.rawValue : 0) | (writable ? EPOLLOUT.rawValue : 0)
  }
}
