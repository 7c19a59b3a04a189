import Testing
import Wire

@Suite struct DatagramBatchTests {
  private let near = SocketAddress.loopback(port: 1)
  private let far = SocketAddress.loopback(port: 2)

  private func datagrams(_ batch: DatagramBatch) -> [Bytes] {
    var all: [Bytes] = []
    batch.forEachDatagram { _, span in all.append(Bytes(copying: span)) }
    return all
  }

  @Test func `datagrams come out as they went in`() {
    var batch = DatagramBatch(capacity: 10)
    let added = [
      batch.append([1, 2, 3], to: near), batch.append([4], to: far, congestionMark: 2),
    ]
    #expect(added == [true, true])
    #expect(datagrams(batch) == [[1, 2, 3], [4]])
    #expect(batch.segments.map(\.byteCount) == [3, 1])
    #expect(batch.segments.map(\.destination) == [near, far])
    #expect(batch.segments.map(\.congestionMark) == [0, 2])
    #expect(batch.byteCount == 4)
  }

  @Test func `what fits exactly is taken and one byte more is not`() {
    var batch = DatagramBatch(capacity: 3)
    let tooLarge = batch.append([1, 2, 3, 4], to: near)
    let exact = batch.append([1, 2, 3], to: near)
    #expect(tooLarge == false)
    #expect(exact)
    #expect(batch.freeByteCount == 0)
  }

  @Test func `bytes written in place are committed`() {
    var batch = DatagramBatch(capacity: 8)
    _ = batch.append([9], to: near)
    batch.withBuffer { buffer, used in
      buffer[used] = 7
      buffer[used + 1] = 8
    }
    batch.commit(byteCount: 2, to: far, congestionMark: 1)
    #expect(datagrams(batch) == [[9], [7, 8]])
  }

  @Test(arguments: 0...3)
  func `those sent can be taken off the front`(count: Int) {
    var batch = DatagramBatch(capacity: 16)
    let all: [Bytes] = [[1], [2, 3], [4, 5, 6]]
    for bytes in all { _ = batch.append(bytes, to: near) }
    batch.removeFirst(count)
    #expect(datagrams(batch) == Array(all.dropFirst(count)))
    #expect(batch.byteCount == all.dropFirst(count).reduce(0) { $0 + $1.count })
  }
}
