import Glibc
import Testing
import Wire

@testable import LinuxIO

@Suite struct KeptPipeTests {
  private static let content = Bytes((0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 251 ^ $0) })
  private static let head = Bytes(utf8: "head\r\n\r\n")

  /// Both ends of a connection on loopback.
  private func connection() throws -> (server: TCPSocket, client: TCPSocket) {
    let listener = try TCPListener(.loopback(port: 0), isShared: false)
    let client = try TCPSocket(connectingTo: listener.address)
    let loop = try EventLoop()
    let token = try loop.add(listener.descriptor)
    try loop.wait(until: nil) { _, _ in }
    loop.remove(listener.descriptor, token)
    guard case .connection(let server) = listener.accept() else {
      throw SystemError(operation: "accept", code: 0)
    }
    return (server, client)
  }

  /// Reads so many bytes, waiting for them.
  private func read(_ count: Int, from client: TCPSocket) throws -> [UInt8] {
    let loop = try EventLoop()
    let token = try loop.add(client.descriptor)
    defer { loop.remove(client.descriptor, token) }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var bytes: [UInt8] = []
    while bytes.count < count {
      switch client.read(into: &buffer) {
      case .bytes(let more): bytes += buffer[..<more]
      case .wouldBlock: try loop.wait(until: nil) { _, _ in }
      case .closed: return bytes
      }
    }
    return bytes
  }

  @Test(arguments: [1, 4095, 4096, 4097, 65_536, 200_000])
  func `what is kept goes to any number of sockets, behind what comes before it`(_ count: Int)
    throws
  {
    let content = Self.content.prefix(count)
    let kept = try #require(KeptPipe(content))
    let scratch = try #require(ScratchPipe(holding: 262_144))
    #expect(kept.count == count)
    for _ in 0..<3 {
      let (server, client) = try connection()
      for first in [Self.head, Bytes()] {
        let whole = first.count + count
        #expect(server.write(first, then: kept, through: scratch) == .bytes(whole))
        #expect(try read(whole, from: client) == first.array + content.array)
      }
    }
  }

  @Test func `a socket that is full takes a part, and the next one gets all`() throws {
    let content = Bytes(Array(repeating: Self.content.array, count: 5).joined().map { $0 })
    let kept = try #require(KeptPipe(content))
    let scratch = try #require(ScratchPipe(holding: content.count))
    let (server, client) = try connection()
    let answer = Self.head.array + content.array
    var sent: [UInt8] = []
    var transfer = Transfer.bytes(answer.count)
    while transfer == .bytes(answer.count) {
      transfer = try #require(server.write(Self.head, then: kept, through: scratch))
      if case .bytes(let count) = transfer { sent += answer[..<count] }
    }
    // The rest as bytes, until nothing goes any more.
    if case .bytes(let count) = transfer {
      let rest = Bytes(answer).suffix(from: count)
      if case .bytes(let more) = server.write(rest) { sent += rest.prefix(more).array }
    }
    #expect(server.write(Self.head, then: kept, through: scratch) == .wouldBlock)
    #expect(try read(sent.count, from: client) == sent)
    let next = try connection()
    #expect(next.server.write(Self.head, then: kept, through: scratch) == .bytes(answer.count))
    #expect(try read(answer.count, from: next.client) == answer)
  }

  @Test func `what a socket holds stays what it was when the pipe is gone`() throws {
    let scratch = try #require(ScratchPipe(holding: 262_144))
    let (server, client) = try connection()
    do {
      let kept = try #require(KeptPipe(Self.content))
      #expect(server.write([], then: kept, through: scratch) == .bytes(200_000))
    }
    // Pages that are free again go to whoever asks next.
    let others = (0..<8).compactMap { KeptPipe(Bytes([UInt8](repeating: $0, count: 200_000))) }
    #expect(others.count == 8)
    #expect(try read(200_000, from: client) == Self.content.array)
  }

  @Test func `a connection that is broken says so, and the next one gets all`() throws {
    _ = signal(SIGPIPE, SIG_IGN)
    let kept = try #require(KeptPipe(Self.content))
    let scratch = try #require(ScratchPipe(holding: 262_144))
    do {
      let server = try connection().server
      // The client is closed: what is written to it comes back as a reset.
      while server.write(Self.head, then: kept, through: scratch) != .closed {}
    }
    let (server, client) = try connection()
    #expect(server.write([], then: kept, through: scratch) == .bytes(200_000))
    #expect(try read(200_000, from: client) == Self.content.array)
  }

  @Test func `what the scratch pipe can't take whole is not begun`() throws {
    let large = try #require(KeptPipe(Self.content))
    let small = try #require(KeptPipe(Self.content.prefix(65_536)))
    let scratch = try #require(ScratchPipe(holding: 65_536))
    let (server, client) = try connection()
    #expect(server.write(Self.head, then: large, through: scratch) == nil)
    #expect(server.write(Self.head, then: small, through: scratch) == .bytes(65_544))
    #expect(
      try read(65_544, from: client) == Self.head.array + Self.content.prefix(65_536).array
    )
  }

  @Test func `sizes that the kernel has no pipe of are refused`() {
    #expect(ScratchPipe(holding: Int(Int32.max)) == nil)
    #expect(ScratchPipe(holding: .max) == nil)
  }
}
