import Glibc
import LinuxIO
import Wire

// Measures a running server under many LL-HLS clients; see Config/benchmark.sh.

/// Whether what the clients asked for and held is given back once they are gone.
func reportRest(_ options: Options, _ output: StandardOutput) throws {
  // A sweep of the server's, and the two seconds in which it lets closed connections linger.
  _ = sleep(4)
  let status = String(decoding: try fetch("/status.json", from: options.server), as: UTF8.self)
  let counts = status.split(separator: ",").filter {
    $0.hasPrefix("\"connections\"") || $0.hasPrefix("\"parked\"")
  }
  output.write("after all have gone: \(counts.joined(separator: ", "))")
  if let process = options.process, let sample = ProcessSample(of: process) {
    output.write(
      ", descriptors \(sample.descriptors.map { String($0) } ?? "?"), "
        + "RSS \(sample.residentBytes / 1024) KiB"
    )
  }
  output.write("\n")
}

/// LL-HLS players for as long as asked; the exit code is 0 when none saw an error or missed a part.
func follow(_ options: Options) throws -> CInt {
  let renditions = try findRenditions(options)
  let figures = Figures(start: Clock.utc)
  let output = StandardOutput()
  output.write(
    "\(options.clients) clients on \(renditions.count) renditions of "
      + "http://\(options.server)\(options.path) for \(options.seconds) s\n"
  )
  try LoadLoop(options, renditions, figures).run()
  output.write(figures.report(renditions))
  try reportRest(options, output)
  return figures.errors.isEmpty && figures.missed == 0 ? 0 : 1
}

do {
  let options = try Options(Array(CommandLine.arguments.dropFirst()))
  _ = signal(SIGPIPE, SIG_IGN)
  let limit = ProcessUsage.raiseDescriptorLimit()
  let links =
    options.mode == .attack
    ? options.slow + options.deaf
    : options.clients * (options.fetchesParts || options.holdsHints ? 2 : 1)
  guard limit > links + 16 else {
    throw Complaint("\(links) connections do not fit into \(limit) descriptors")
  }
  switch options.mode {
  case .players: exit(try follow(options))
  case .rate: try measureRate(options)
  case .hold: try hold(options)
  case .release: try ReleaseLoop(options).run()
  case .ask: try measureAsking(options)
  case .attack: try Attack(options).run()
  case .wakes:
    reportPercentiles(try WakeChain().measure(rounds: options.rounds), "\"wakes\": \"alone\"")
  }
} catch let complaint as Complaint {
  StandardError().write("\(complaint)\n\(Options.usage)")
  exit(2)
}
