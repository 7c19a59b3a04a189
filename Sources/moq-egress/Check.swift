import ArgumentParser
import Conformance
import FoundationEssentials
import LinuxIO
import TLS
import Wire

/// Judges a live stream, ours or anybody's.
struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Play a live HLS playlist or DASH MPD for a while and judge it by numbered rules.",
    discussion: """
      Exits with 0 when no MUST fails, with 1 when one does, and with 2 when there is nothing to \
      check.
      """
  )

  @Argument(
    help: "http:// or https:// URL of a playlist or an MPD; of both, to compare them as well."
  )
  var urls: [String]
  @Option(help: "Seconds to play.")
  var seconds = 30.0
  @Flag(help: "Print the report as JSON.")
  var json = false
  @Flag(help: "Print every requirement with what was seen, before the summary.")
  var all = false
  @Option(
    help:
      "The ffmpeg that plays the stream and decodes its media, a path or a name; none to leave it out."
  )
  var decoder = "ffmpeg"
  @Option(
    help:
      "DASH-MPD.xsd, to validate MPDs with; otherwise the one in the folder DASH_SCHEMA, if that is set."
  )
  var schema: String?
  @Option(
    help: "Seconds by which answers that belong together may be apart, for the network's sake."
  )
  var networkDelay = 0.15
  @Option(help: "PEM file of authorities that vouch for the server; otherwise the system's do.")
  var ca: String?
  @Option(help: "SHA-256 of the server's certificate, in hexadecimal.")
  var fingerprint: String?
  @Flag(help: "Accept any certificate of the server. Only for trying things out.")
  var insecure = false

  func run() throws {
    guard (1...2).contains(urls.count) else { throw impossible("check takes one URL or two") }
    guard seconds > 0, seconds <= 86_400 else {
      throw impossible("--seconds is 0 to 86400")
    }
    let report: Report
    do {
      var run = try CheckRun(
        urls,
        for: Interval(seconds: seconds),
        trust: try trust(),
        options: try options()
      )
      report = try run.run()
    } catch let error as CheckRun.Impossible {
      throw impossible(error.description)
    }
    let output = StandardOutput()
    if json {
      output.write(report.json)
    } else {
      if all { output.write(report.details + "\n") }
      output.write(report.summary)
    }
    if report.ledger.violatesMust { throw ExitCode(1) }
  }

  private func options() throws -> CheckRun.Options {
    guard networkDelay > 0, networkDelay <= 10 else {
      throw impossible("--network-delay is above 0, and 10 at most")
    }
    var options = CheckRun.Options()
    options.decoder = decoder == "none" ? .none : .program(decoder)
    options.networkDelay = Interval(seconds: networkDelay)
    let folder = ProcessInfo.processInfo.environment["DASH_SCHEMA"] ?? ""
    options.schema = schema ?? (folder.isEmpty ? nil : folder + "/DASH-MPD.xsd")
    return options
  }

  private func trust() throws -> ServerTrust {
    if insecure { return .anybody }
    if let fingerprint {
      guard let digest = Bytes(hex: fingerprint.filter { $0 != ":" }), digest.count == 32 else {
        throw impossible("--fingerprint is 64 hexadecimal digits")
      }
      return .fingerprint(digest.array)
    }
    return ca.map { .authorities(file: $0) } ?? .system
  }

  private func impossible(_ reason: String) -> ExitCode {
    StandardError().write("moq-egress: \(reason)\n")
    return ExitCode(2)
  }
}
