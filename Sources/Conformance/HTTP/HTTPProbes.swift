internal import Wire

/// Tries all that is to be tried on a server, few things at a time.
///
/// Performs no IO: fetches come out, exchanges go in.
struct HTTPProbes: Sendable {
  /// Probes that run at once; one of them is the slow one.
  private static let maximumRunning = 3

  private struct Running: Sendable {
    let probe: HTTPProbe
    var answers: [Exchange] = []
  }

  private var waiting: [HTTPProbe]
  private var running: [Int: Running] = [:]
  private var lastIdentifier = 0

  init(_ targets: HTTPTargets) { waiting = HTTPProbe.all(targets) }

  /// Whether everything was tried.
  var isFinished: Bool { waiting.isEmpty && running.isEmpty }

  /// What is to be fetched now.
  mutating func takeFetches() -> [Fetch] {
    var fetches: [Fetch] = []
    while running.count < Self.maximumRunning, !waiting.isEmpty {
      let probe = waiting.removeFirst()
      lastIdentifier += 1
      running[lastIdentifier] = Running(probe: probe)
      fetches.append(Fetch(identifier: lastIdentifier, request: probe.requests[0]))
    }
    return fetches
  }

  /// Takes what came of a fetch; returns the next of the same probe.
  mutating func receive(
    _ exchange: Exchange,
    of identifier: Int,
    into ledger: inout Ledger
  ) -> [Fetch] {
    guard var run = running[identifier] else { return [] }
    run.answers.append(exchange)
    guard run.answers.count < run.probe.requests.count else {
      running[identifier] = nil
      run.probe.judge(run.answers, &ledger)
      return takeFetches()
    }
    running[identifier] = run
    var request = run.probe.requests[run.answers.count]
    let tag = run.answers[0].response?.header("ETag") ?? "\"none\""
    request.headers = request.headers.map { field in
      guard field.name == "If-None-Match" else { return field }
      let parts = field.value.split(separator: " ", omittingEmptySubsequences: false)
      let filled = parts.map { $0 == HTTPProbe.validatorPlaceholder ? tag : String($0) }
      return HeaderField(field.name, filled.joined(separator: " "))
    }
    return [Fetch(identifier: identifier, request: request)]
  }
}
