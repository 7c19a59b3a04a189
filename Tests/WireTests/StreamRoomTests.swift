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

  @Test func `memory follows what has come, not what is claimed`() {
    let room = StreamRoom(wanted: 100 << 20)
    _ = room.append([1] as Bytes)
    #expect(room.bytes.capacity < 100)
    _ = room.append(Bytes([UInt8](repeating: 2, count: 3 << 20)))
    #expect(room.bytes.capacity < 13 << 20)
    // In the end there is no more than the run takes.
    let small = StreamRoom(wanted: 100_000)
    for _ in 0..<100 { _ = small.append(Bytes([UInt8](repeating: 3, count: 1000))) }
    #expect(small.bytes.capacity < 110_000)
    let counted = StreamRoom(wanted: 100_000)
    _ = counted.append([1] as Bytes)
    counted.reserve()
    #expect((100_000..<110_000).contains(counted.bytes.capacity))
    #expect(counted.bytes == [1])
  }
}
