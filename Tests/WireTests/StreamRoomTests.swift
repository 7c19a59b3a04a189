import Testing
import Wire

@Suite struct StreamRoomTests {
  @Test func `what belongs to the run is taken, and no more`() {
    let room = StreamRoom(wanted: 5)
    #expect(room.append([1, 2, 3] as Bytes) == 3)
    #expect(room.missing == 2)
    #expect(room.append([4, 5, 6, 7] as Bytes) == 2)
    #expect(room.missing == 0)
    #expect(room.append([8] as Bytes) == 0)
    #expect(room.bytes == [1, 2, 3, 4, 5])
  }

  @Test func `what would complete the run can be left to another way of adding`() {
    let room = StreamRoom(wanted: 3)
    let taken = [[1, 2], [3], [3, 4]].map { (piece: [UInt8]) in room.appendWithin(piece.span) }
    #expect(taken == [true, false, false])
    #expect(room.bytes == [1, 2])
    #expect(room.append([3, 4] as Bytes) == 1)
    #expect(room.bytes == [1, 2, 3])
  }

  @Test func `memory follows what has come, not what is claimed`() {
    let room = StreamRoom(wanted: 100 << 20)
    _ = room.append([1] as Bytes)
    #expect(room.bytes.capacity < 2 << 20)
    _ = room.append(Bytes([UInt8](repeating: 2, count: 3 << 20)))
    #expect(room.bytes.capacity < 13 << 20)
    // In the end there is no more than the run takes.
    let small = StreamRoom(wanted: 100_000)
    for _ in 0..<100 { _ = small.append(Bytes([UInt8](repeating: 3, count: 1000))) }
    #expect(small.bytes.capacity < 110_000)
  }
}
