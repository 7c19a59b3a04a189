package import Wire
internal import CLinux

/// The clocks that loops read and hand to the cores.
package enum Clock {
  /// The monotonic clock.
  package static var now: Instant { Instant(nanoseconds: clinux_monotonic_nanoseconds()) }

  /// The machine's idea of UTC.
  package static var utc: UTCTime { UTCTime(microseconds: clinux_utc_microseconds()) }
}

/// What the process costs right now.
package enum ProcessUsage {
  /// Resident memory in bytes, 0 when /proc is unreadable.
  package static var residentBytes: Int { Int(clinux_resident_bytes()) }

  /// User plus system time in microseconds.
  package static var cpuMicroseconds: Int { Int(clinux_cpu_microseconds()) }

  /// Processors that are online.
  package static var cores: Int { Int(clinux_cores()) }

  /// Lets all threads take memory from one heap; call it before there are any.
  ///
  /// What one thread makes and another drops, as media is, leaves holes in a heap of the first's own.
  package static func shareHeap() { clinux_share_heap() }

  /// Raises the soft limit of open descriptors to the hard limit and returns it.
  package static func raiseDescriptorLimit() -> Int { Int(clinux_raise_descriptor_limit()) }
}
