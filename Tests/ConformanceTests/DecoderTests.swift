import LinuxIO
import Testing
import Wire

@testable import Conformance

/// What runs beside a check, and what its words mean.
@Suite struct DecoderTests {
  private static let task = DecoderTask("HLS-082", playing: Samples.url)

  private static func verdict(_ result: DecoderResult) -> Verdict {
    var ledger = Ledger()
    result.judge(task, into: &ledger)
    return ledger.verdict("HLS-082")
  }

  @Test func `silence is a pass, words are failures, and what was not run is said`() {
    #expect(Self.verdict(DecoderResult()).outcome == .pass)
    #expect(Self.verdict(DecoderResult(exitCode: 1)).outcome == .fail)
    #expect(Self.verdict(DecoderResult(output: "[h264] error while decoding\n")).outcome == .fail)
    #expect(Self.verdict(DecoderResult(hasTimedOut: true)).outcome == .fail)
    let unknown = DecoderResult(exitCode: 1, output: "Decoder (codec ac4) not found for input")
    #expect(Self.verdict(unknown).outcome == .notSeen)
    let absent = Self.verdict(DecoderResult(reason: "start ffmpeg: No such file or directory"))
    #expect(absent.outcome == .notSeen)
    #expect(absent.findings.first?.seen.contains("No such file") == true)
  }

  @Test func `segments are joined behind their init segment`() {
    let init1 = Samples.webURL("http://o/i.mp4")
    let segment = Samples.webURL("http://o/1.m4s")
    let task = DecoderTask(decoding: [segment, segment], after: init1, of: "v")
    #expect(task.arguments.contains("concat:http://o/i.mp4|http://o/1.m4s|http://o/1.m4s"))
  }

  /// Runs tasks until all are judged; each is a shell script in place of ffmpeg's arguments.
  private static func run(_ choice: DecoderChoice) -> Verdict {
    var ledger = Ledger()
    var decoders = Decoders(choice, [task])
    while !decoders.isIdle { decoders.turn(now: Clock.now, into: &ledger) }
    return ledger.verdict("HLS-082")
  }

  @Test func `a program is run, and its output and exit code are read`() {
    #expect(Self.run(.program("true")).outcome == .pass)
    #expect(Self.run(.program("false")).outcome == .fail)
    // It repeats its arguments.
    #expect(Self.run(.program("echo")).findings.first?.seen.contains("-nostdin") == true)
    let absent = Self.run(.program("/nowhere/ffmpeg"))
    #expect(absent.outcome == .notSeen)
    #expect(absent.findings.first?.seen.contains("No such file") == true)
    #expect(Self.run(.none).outcome == .notSeen)
  }

  @Test func `a program that does not end is ended`() throws {
    let process = try ChildProcess("sleep", ["60"])
    process.poll()
    #expect(process.exitCode == nil)
    process.stop()
    #expect(process.exitCode == 137)
  }
}
