import LinuxIO
import Wire

/// What a run measured.
final class Figures {
  let start: UTCTime
  var errors: [String: Int] = [:]
  var connections = 0
  var broken = 0
  var playlists = 0
  var media = 0
  var bytes = 0
  /// Parts that a client never saw listed.
  var missed = 0
  /// Answers that brought more than one new part: the client was late with its request.
  var bunched = 0
  /// Microseconds from the end of the newest part to the receipt of the playlist, by minute.
  private var latencies: [[Int32]] = []
  var hintLatencies: [Int32] = []
  private(set) var samples: [(second: Int64, sample: ProcessSample)] = []

  init(start: UTCTime) { self.start = start }

  func note(latency: Int64, at utc: UTCTime) {
    let minute = Int(max(0, utc.microseconds - start.microseconds) / 60_000_000)
    while latencies.count <= minute { latencies.append([]) }
    latencies[minute].append(Int32(clamping: latency))
  }

  func note(_ sample: ProcessSample, second: Int64) { samples.append((second, sample)) }

  func count(_ error: Complaint) { errors[error.description, default: 0] += 1 }

  /// p50, p90, p99 and the greatest in milliseconds.
  private static func row(_ values: [Int32]) -> String {
    guard !values.isEmpty else { return "no answers" }
    let sorted = values.sorted()
    func milliseconds(_ value: Int32) -> String {
      let tenths = (Int(value) + (value < 0 ? -50 : 50)) / 100
      return "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
    }
    func rank(_ share: Int) -> String {
      milliseconds(sorted[min(sorted.count - 1, sorted.count * share / 100)])
    }
    return "p50 \(rank(50))  p90 \(rank(90))  p99 \(rank(99))  "
      + "max \(milliseconds(sorted[sorted.count - 1]))  (\(sorted.count) answers)"
  }

  func report(_ renditions: [Rendition]) -> String {
    var text = "latency in ms, UTC of the newest part's end to the answer's last byte\n"
    for (minute, values) in latencies.enumerated() {
      text += "  minute \(minute + 1)    \(Self.row(values))\n"
    }
    text += "  all         \(Self.row(latencies.flatMap { $0 }))\n"
    if !hintLatencies.isEmpty { text += "  held hints  \(Self.row(hintLatencies))\n" }
    text += "first to last client of one rendition with the same part, ms\n"
    var spreads: [Int32] = []
    for rendition in renditions {
      // Those that nearly all were waiting for.
      let most = rendition.arrivals.values.map(\.count).max() ?? 0
      spreads += rendition.arrivals.values.filter { $0.count * 10 >= most * 9 }
        .map { Int32(clamping: $0.last.microseconds - $0.first.microseconds) }
    }
    text += "  spread      \(Self.row(spreads))\n"
    text +=
      "playlists \(playlists), media \(media), \(bytes / 1_000_000) MB, "
      + "connections \(connections), broken off \(broken)\n"
    text += "missed parts \(missed), answers with several new parts \(bunched)\n"
    let total = errors.values.reduce(0, +)
    text += "errors \(total)\n"
    for (kind, count) in errors.sorted(by: { $0.key < $1.key }) { text += "  \(count)  \(kind)\n" }
    text += processReport()
    text += "own CPU \(Self.seconds(ProcessUsage.cpuMicroseconds))\n"
    return text
  }

  private static func seconds(_ microseconds: Int) -> String {
    "\(microseconds / 1_000_000).\(microseconds / 100_000 % 10) s"
  }

  private func processReport() -> String {
    guard var last = samples.first else { return "" }
    var text = "server        CPU in that minute   RSS at its end   lowest…highest   descriptors\n"
    var minute: Int64 = 1
    while true {
      let range = samples.filter { $0.second > (minute - 1) * 60 && $0.second <= minute * 60 }
      guard let end = range.last else { return text }
      let sizes = range.map { $0.sample.residentBytes / 1024 }
      text += "  minute \(minute)    "
      text += Self.seconds(end.sample.cpuMicroseconds - last.sample.cpuMicroseconds)
      text += " of \(end.second - last.second) s     \(end.sample.residentBytes / 1024) KiB     "
      text += "\(sizes.min() ?? 0)…\(sizes.max() ?? 0)   "
      text += "\(end.sample.descriptors.map { String($0) } ?? "?")\n"
      last = end
      minute += 1
    }
  }
}
