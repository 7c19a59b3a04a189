internal import LinuxIO
internal import Wire

/// Runs decoders one after another while a check goes on, so that they disturb its clock little.
struct Decoders {
  /// How long one may take.
  private static let limit = Interval.seconds(20)
  /// Renditions of which media is decoded.
  static let maximumRenditions = 8

  private let choice: DecoderChoice
  private var tasks: [DecoderTask]
  private var running: (task: DecoderTask, process: ChildProcess, begun: Instant)?

  init(_ choice: DecoderChoice, _ tasks: [DecoderTask]) {
    self.choice = choice
    self.tasks = tasks
  }

  var isIdle: Bool { tasks.isEmpty && running == nil }

  /// Looks after what runs, and starts what is next.
  mutating func turn(now: Instant, into ledger: inout Ledger) {
    if let running {
      running.process.poll()
      let isLate = now - running.begun > Self.limit
      guard running.process.exitCode != nil || isLate else { return }
      if isLate { running.process.stop() }
      let result = DecoderResult(
        exitCode: running.process.exitCode ?? 0,
        output: running.process.output,
        hasTimedOut: isLate
      )
      result.judge(running.task, into: &ledger)
      self.running = nil
    }
    guard !tasks.isEmpty else { return }
    let task = tasks.removeFirst()
    guard case .program(let program) = choice else {
      DecoderResult(reason: "it was left out").judge(task, into: &ledger)
      return
    }
    do {
      running = (task, try ChildProcess(program, task.arguments), now)
    } catch {
      DecoderResult(reason: "\(error)").judge(task, into: &ledger)
    }
  }

  /// Gives up what has not begun.
  mutating func drop(into ledger: inout Ledger) {
    for task in tasks {
      DecoderResult(reason: "the check was too short").judge(task, into: &ledger)
    }
    tasks = []
  }
}
