import Testing

@testable import Egress
@testable import HTTP

@Suite struct HeadTableTests {
  private final class Number {
    let value: Int
    init(_ value: Int) { self.value = value }
  }

  private func heads(_ count: Int) throws -> [RequestHead] {
    try (0..<count).map { _ in try requestHead("GET /a HTTP/1.1\r\nHost: h\r\n\r\n") }
  }

  @Test func `a head has what was remembered for it, equal ones have their own`() throws {
    let heads = try heads(8)
    var table = HeadTable<Number>()
    #expect(table[heads[0]] == nil)
    for (index, head) in heads.enumerated() {
      table.remember(Number(index), for: head)
      #expect(table[head]?.value == index)
    }
    table.remember(Number(100), for: heads[3])
    #expect(table[heads[3]]?.value == 100)
  }

  @Test func `of many heads some are forgotten, and none has what is another's`() throws {
    let heads = try heads(5000)
    var table = HeadTable<Number>()
    for (index, head) in heads.enumerated() { table.remember(Number(index), for: head) }
    var known = 0
    for (index, head) in heads.enumerated() {
      guard let number = table[head] else { continue }
      #expect(number.value == index)
      known += 1
    }
    #expect(known <= 1024, "places are bounded")
    #expect(known > 512, "most places are taken")
    // The newest is always there.
    #expect(table[heads[4999]]?.value == 4999)
  }

  @Test func `few heads that take turns are kept`() throws {
    let heads = try heads(12)
    var table = HeadTable<Number>()
    for _ in 0..<3 {
      for (index, head) in heads.enumerated() { table.remember(Number(index), for: head) }
    }
    // Some may share a place, as addresses are what they are: of twelve in 64 places about one does.
    #expect(heads.count { table[$0] != nil } > 4)
  }

  @Test func `a head in the table stays alive, so that its identity is not another's`() throws {
    var table = HeadTable<Number>()
    weak var gone: RequestHead?
    do {
      let head = try requestHead("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
      gone = head
      table.remember(Number(1), for: head)
    }
    #expect(gone != nil)
    #expect(gone.flatMap { table[$0] }?.value == 1)
  }
}
