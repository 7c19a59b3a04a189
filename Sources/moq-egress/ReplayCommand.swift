import ArgumentParser
import Egress
import Foundation
import LinuxIO
import Wire

/// Packages a recording into a folder.
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Package a recording into a folder, without a network and without waiting.",
    discussion: "The same recording and settings give the same files, as served."
  )

  @Argument(help: "A file that record has written.")
  var file: String
  @Argument(help: "The broadcast's namespace.")
  var namespace: String
  @Option(name: .shortAndLong, help: "The folder to write to.")
  var output: String
  @Option(help: "Longest part in seconds.")
  var partTarget: String?
  @Option(help: "Shortest segment in seconds.")
  var segmentTarget: String?
  @Option(help: "Seconds of media that are kept.")
  var window = "14400"
  @Flag(help: "Print what the service would have logged.")
  var verbose = false

  func run() throws {
    try reporting {
      let flags: [(String, String?)] = [
        ("upstream.url", "moqt://recording/"), ("upstream.namespace", namespace),
        ("packaging.part-target", partTarget), ("packaging.segment-target", segmentTarget),
        ("packaging.window", window), ("packaging.window-megabytes", "65536"),
      ]
      let configuration = try TrustOptions.configuration(flags)
      let result: Replay.Result
      do {
        result = try Replay.run(try readMedia(file), configuration)
      } catch let error as RecordingError {
        throw Failure(.data, "\(file): \(error)")
      } catch let error as ConfigurationError {
        throw Failure(.usage, error.description)
      }
      if verbose { for line in result.log { StandardError().write(line + "\n") } }
      for written in result.files { try write(written) }
      StandardOutput().write("\(result.files.count) files in \(output)\n")
    }
  }

  private func write(_ file: Replay.File) throws {
    let url = URL(filePath: output).appending(path: file.path)
    do {
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(),
        withIntermediateDirectories: true
      )
      try Data(file.pieces.map(\.slice).joined()).write(to: url)
    } catch {
      throw Failure(.osError, "\(url.path()) can't be written: \(error)")
    }
  }
}
