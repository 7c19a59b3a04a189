internal import Wire

/// What plays a stream or decodes some of its media, beside the check.
package enum DecoderChoice: Sendable, Equatable {
  /// A program that takes the arguments of ffmpeg: a path, or a name in `PATH`.
  case program(String)
  /// None is run.
  case none
}

/// One run of a decoder.
struct DecoderTask: Sendable, Equatable {
  let requirement: String
  /// What is decoded, for reports.
  let subject: String
  let arguments: [String]

  private static let quiet = ["-nostdin", "-hide_banner", "-v", "error", "-threads", "1"]
  /// Seconds of media that are decoded of a stream.
  private static let seconds = 3

  /// Plays the beginning of a stream, as a player does that knows nothing of low latency: HLS-082 or
  /// DASH-030.
  init(_ requirement: String, playing url: WebURL) {
    self.requirement = requirement
    subject = url.description
    arguments =
      Self.quiet + ["-i", url.description, "-t", String(Self.seconds), "-f", "null", "-"]
  }

  /// Decodes an init segment and what follows it: CMAF-015.
  init(decoding segments: [WebURL], after initSegment: WebURL, of name: String) {
    requirement = "CMAF-015"
    subject = name
    let urls = ([initSegment] + segments).map(\.description).joined(separator: "|")
    // By itself ffmpeg joins files only.
    let protocols = "concat,http,https,tcp,tls,crypto"
    arguments =
      Self.quiet + [
        "-protocol_whitelist", protocols, "-err_detect", "explode", "-i", "concat:\(urls)", "-f",
        "null", "-",
      ]
  }
}

/// What came of a run.
struct DecoderResult: Sendable, Equatable {
  /// Why it was not run or says nothing; nil when it ran.
  var reason: String?
  var exitCode = 0
  var output = ""
  var hasTimedOut = false

  /// What decoders write when they know a format not at all, which says nothing about the media.
  private static let ignorance = [
    "Decoder not found", "Decoder (codec", "Unknown decoder", "no decoder", "Protocol not found",
    "not on whitelist",
  ]

  func judge(_ task: DecoderTask, into ledger: inout Ledger) {
    if let reason {
      ledger.record(task.requirement, .notSeen, task.subject, "no decoder was run: \(reason)")
      return
    }
    let lines = output.split(whereSeparator: \.isNewline)
    if let line = lines.first(where: { line in Self.ignorance.contains { line.contains($0) } }) {
      ledger.record(task.requirement, .notSeen, task.subject, "the decoder can't: \(line)")
      return
    }
    let said = lines.prefix(3).joined(separator: " | ")
    let ending = hasTimedOut ? "did not end in time" : "exit \(exitCode)"
    ledger.expect(
      task.requirement,
      exitCode == 0 && !hasTimedOut && lines.isEmpty,
      task.subject,
      said.isEmpty ? "the decoder: \(ending)" : "the decoder: \(ending), \(said)"
    )
  }
}
