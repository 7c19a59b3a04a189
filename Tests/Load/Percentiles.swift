import LinuxIO
import Wire

/// Prints a line of JSON with percentiles of sorted times in milliseconds, and before them `name`, a pair.
func reportPercentiles(_ sorted: [Interval], _ name: String) {
  guard let first = sorted.first, let last = sorted.last else { return }
  func milliseconds(_ interval: Interval) -> String {
    let microseconds = interval.nanoseconds / 1000
    let rest = String(abs(microseconds) % 1000)
    return (microseconds < 0 ? "-" : "") + "\(abs(microseconds) / 1000)."
      + String(repeating: "0", count: 3 - rest.utf8.count) + rest
  }
  StandardOutput().write(
    "{\(name), \"waiting\": \(sorted.count), \"first\": \(milliseconds(first)), "
      + "\"p50\": \(milliseconds(sorted[sorted.count / 2])), "
      + "\"p99\": \(milliseconds(sorted[sorted.count * 99 / 100])), "
      + "\"last\": \(milliseconds(last))}\n"
  )
}
