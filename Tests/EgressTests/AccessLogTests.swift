import FoundationEssentials
import Logging
import Testing
import Wire

@testable import Egress

@Suite struct AccessLogTests {
  private let path = "/tmp/moq-egress-\(UUID().uuidString).log"
  private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  private func text(_ path: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
  }

  @Test func `a file that was renamed is begun anew, and the old one has all before that`() throws {
    let old = path + ".1"
    let log = try AccessLog(path, metrics: Metrics(), logger: logger)
    log.write(Bytes(utf8: "first\n"), count: 1)
    try FileManager.default.moveItem(atPath: path, toPath: old)
    // Until it is told, it goes on in the file that it has.
    log.write(Bytes(utf8: "second\n"), count: 1)
    log.reopen()
    log.write(Bytes(utf8: "third\n"), count: 1)
    log.stop()
    #expect(try text(old) == "first\nsecond\n")
    #expect(try text(path) == "third\n")
    for file in [path, old] { try FileManager.default.removeItem(atPath: file) }
  }

  @Test func `a file that can't be opened anew is gone on with`() throws {
    let folder = path + ".d"
    let file = folder + "/access.log"
    let moved = folder + "-moved"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    let log = try AccessLog(file, metrics: Metrics(), logger: logger)
    try FileManager.default.moveItem(atPath: folder, toPath: moved)
    log.reopen()
    log.write(Bytes(utf8: "on\n"), count: 1)
    log.stop()
    #expect(try text(moved + "/access.log") == "on\n")
    try FileManager.default.removeItem(atPath: moved)
  }

  @Test func `a place that can't be opened is an error at the start`() {
    #expect(throws: (any Error).self) {
      _ = try AccessLog("/nonexistent/access.log", metrics: Metrics(), logger: logger)
    }
  }
}
