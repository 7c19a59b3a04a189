import FoundationEssentials
import Glibc
import LinuxIO
import Testing

@Suite struct UnixListenerTests {
  private let path = "/tmp/moq-egress-\(UUID().uuidString).sock"

  private func mode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  @Test func `the file of a socket says who may connect, and goes with the listener`() throws {
    do {
      let listener = try TCPListener(unix: path, mode: 0o620)
      #expect(listener.isLocal)
      #expect(try mode(path) == 0o620)
    }
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func `what a server that was killed has left behind is replaced`() throws {
    let moved = path + "-moved"
    do {
      let killed = try TCPListener(unix: path, mode: nil)
      // Out of the way of the end of the listener, which is no kill.
      try FileManager.default.moveItem(atPath: path, toPath: moved)
      withExtendedLifetime(killed) {}
    }
    try FileManager.default.moveItem(atPath: moved, toPath: path)
    let listener = try TCPListener(unix: path, mode: 0o600)
    #expect(try mode(path) == 0o600)
    withExtendedLifetime(listener) {}
  }

  @Test func `a server that listens keeps its path`() throws {
    let listener = try TCPListener(unix: path, mode: nil)
    let error = #expect(throws: SystemError.self) { _ = try TCPListener(unix: path, mode: nil) }
    #expect(error?.code == EADDRINUSE)
    #expect(FileManager.default.fileExists(atPath: path))
    withExtendedLifetime(listener) {}
  }

  @Test func `a file that is no socket is left alone`() throws {
    try Data("a file".utf8).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(throws: SystemError.self) { _ = try TCPListener(unix: path, mode: nil) }
    #expect(try Data(contentsOf: URL(filePath: path)) == Data("a file".utf8))
  }

  @Test func `a path that another server has taken over is not taken away`() throws {
    let moved = path + "-moved"
    var first: TCPListener? = try TCPListener(unix: path, mode: nil)
    try FileManager.default.moveItem(atPath: path, toPath: moved)
    let second = try TCPListener(unix: path, mode: nil)
    #expect(first != nil)
    first = nil
    #expect(FileManager.default.fileExists(atPath: path))
    try FileManager.default.removeItem(atPath: moved)
    withExtendedLifetime(second) {}
  }
}
