import CMAF
import Remux
import TestSupport
import Testing
import Wire

/// Objects in any order, with holes, and seen by two remuxers.
@Suite struct OrderTests {
  struct Shuffle: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
  }

  @Test(arguments: ["avc", "avc-b", "hevc", "av1", "vp9", "aac", "opus"], [1, 2, 3] as [UInt64])
  func `arrival in another order gives the same bytes`(_ name: String, _ seed: UInt64) throws {
    let (header, samples) = try sources(name)
    let objects = try locObjects(samples, header: header)
    let expected = remux(try remuxSource(header, .loc), objects)
    var generator = Shuffle(state: seed)
    // Streams of one object overtake each other by a few; the first group begins with its first.
    var shuffled = objects
    for index in stride(from: 1, to: shuffled.count - 6, by: 6) {
      shuffled[index..<index + 6].shuffle(using: &generator)
    }
    let result = remux(try remuxSource(header, .loc), shuffled)
    #expect(result.bytes == expected.bytes)
    #expect(result.drops.isEmpty)
    #expect(result.ends == expected.ends)
  }

  @Test(arguments: CodecTests.names)
  func `two remuxers give the same bytes from the first group that both saw`(
    _ name: String
  ) throws {
    let (header, samples) = try sources(name)
    for objects in [
      try locObjects(samples, header: header), try legacyObjects(samples, header: header),
    ] {
      let packaging: RemuxSource.Packaging = objects[0].properties.isEmpty ? .legacy : .loc
      let source = try remuxSource(header, packaging)
      let groups = Set(objects.map(\.group)).sorted()
      guard groups.count > 1 else { continue }
      let early = remux(source, objects)
      // The later one joins in the middle of the first group.
      let late = remux(
        source,
        objects.filter { $0.group > groups[0] || $0.object > 4 }
      )
      let common = early.chunks.filter { $0.group > groups[0] }
      let theirs = late.chunks.filter { $0.group > groups[0] }
      #expect(common.map(\.bytes) == theirs.map(\.bytes) && !common.isEmpty)
      #expect(early.headers == late.headers)
    }
  }

  @Test func `video from a hole to the end of its group is dropped`() throws {
    let (header, samples) = try sources("avc")
    var objects = try locObjects(samples, header: header)
    objects.remove(at: 10)
    for index in objects.indices {
      objects[index].arrival = start + .milliseconds(Int64(index) * 100)
    }
    let result = remux(try remuxSource(header, .loc), objects)
    #expect(result.chunks.filter { $0.group == 7 }.map(\.object) == Array(0..<10))
    #expect(result.chunks.filter { $0.group == 8 }.count == 25)
    #expect(result.drops == Array(repeating: .undecodable, count: 14))
    // That the first group lacks its end must show.
    #expect(result.ends == [8: 25])
    // The picture before the hole lasts by rule.
    #expect(try result.parsed()[9].chunk.duration == 512)
  }

  @Test func `sound goes on after a hole`() throws {
    let (header, samples) = try sources("aac")
    var objects = try locObjects(samples, header: header)
    objects.remove(at: 3)
    for index in objects.indices {
      objects[index].arrival = start + .milliseconds(Int64(index) * 100)
    }
    let result = remux(try remuxSource(header, .loc), objects)
    #expect(result.drops.isEmpty)
    var expected = samples.map(\.presentation)
    expected.remove(at: 3)
    #expect(try result.shown().map(\.presentation) == expected)
  }

  @Test func `a hole is waited for as long as patience lasts`() throws {
    let (header, samples) = try sources("aac")
    let objects = try locObjects(samples, header: header)
    var remuxer = TrackRemuxer(try remuxSource(header, .loc))
    func chunks() -> Int {
      var count = 0
      while let event = remuxer.poll() { if case .chunk = event { count += 1 } }
      return count
    }
    for index in [0, 1, 2, 4] { remuxer.receive(objects[index]) }
    #expect(chunks() == 3)
    #expect(remuxer.deadline == start + .seconds(1))
    remuxer.handleTimeout(now: start + .milliseconds(999))
    #expect(chunks() == 0)
    remuxer.handleTimeout(now: start + .seconds(1))
    #expect(chunks() == 1)
    #expect(remuxer.deadline == nil)
    // What comes after its place was passed is late.
    remuxer.receive(objects[3])
    #expect(remuxer.poll() == .dropped(group: 7, object: 3, .late))
    remuxer.receive(objects[4])
    #expect(remuxer.poll() == .dropped(group: 7, object: 4, .duplicate))
  }

  @Test func `only what is given up is not waited for`() throws {
    let (header, samples) = try sources("aac")
    let objects = try locObjects(samples, header: header)
    var remuxer = TrackRemuxer(try remuxSource(header, .loc))
    func places() -> [UInt64] {
      var result: [UInt64] = []
      while let event = remuxer.poll() {
        if case .chunk(let group, let object, _) = event { result.append(group * 100 + object) }
      }
      return result
    }
    for object in objects where object.group == 7 && object.object < 8 { remuxer.receive(object) }
    for object in objects where object.group == 8 { remuxer.receive(object) }
    #expect(places() == (0..<8).map { 700 + $0 })
    // The newer group has no more: that says nothing of the older one.
    remuxer.endGroup(8, at: 10, now: start)
    remuxer.giveUpWaiting(for: ((8, 10), (8, .max)), now: start)
    #expect(places() == [])
    // The newer group does not begin where the older one ended, so that there is more of that one.
    let unbounded = try #require(remuxer.hole)
    #expect(unbounded.first == (7, 8) && unbounded.last == (7, .max))
    remuxer.endGroup(7, at: 10, now: start)
    let hole = try #require(remuxer.hole)
    #expect(hole.first == (7, 8) && hole.last == (7, 9))
    #expect(hole.since == start)
    var late = try #require(objects.first { $0.group == 7 && $0.object == 8 })
    late.arrival = start + .milliseconds(300)
    remuxer.receive(late)
    #expect(places() == [708])
    // While its end comes, it is not missing.
    #expect(remuxer.hole?.since == start + .milliseconds(300))
    remuxer.giveUpWaiting(for: (hole.first, hole.last), now: start)
    #expect(places() == (0..<10).map { 800 + $0 })
  }

  @Test func `a group that is missing is a hole where times show it`() throws {
    let (header, samples) = try sources("aac")
    let objects = try locObjects(samples, header: header)
    var remuxer = TrackRemuxer(try remuxSource(header, .loc))
    for object in objects where object.group == 7 { remuxer.receive(object) }
    remuxer.endGroup(7, at: 10, now: start)
    #expect(remuxer.hole == nil)
    for object in objects where object.group == 9 { remuxer.receive(object) }
    let hole = try #require(remuxer.hole)
    #expect(hole.first == (8, 0) && hole.last == (8, .max))
    // It is waited for as long as it is asked for, beyond all patience.
    remuxer.awaitRepair(until: start + .seconds(3))
    #expect(remuxer.deadline == start + .seconds(3))
    remuxer.handleTimeout(now: start + .seconds(2))
    for object in objects where object.group == 8 { remuxer.receive(object) }
    var places: [UInt64] = []
    while let event = remuxer.poll() {
      if case .chunk(let group, let object, _) = event { places.append(group * 100 + object) }
    }
    let expected: [UInt64] = Array(700..<710) + Array(800..<810) + Array(900..<910)
    #expect(places == expected)
  }

  @Test func `more than may wait ends the wait`() throws {
    let (header, samples) = try sources("aac")
    let objects = try locObjects(samples, header: header)
    for limit in [5, 6] {
      var limits = RemuxLimits()
      limits.waitingObjects = limit
      var remuxer = TrackRemuxer(try remuxSource(header, .loc), limits: limits)
      for index in [0, 1, 2] + Array(4..<10) { remuxer.receive(objects[index]) }
      var count = 0
      while let event = remuxer.poll() { if case .chunk = event { count += 1 } }
      #expect(count == (limit == 5 ? 9 : 3))
    }
    // Six objects with a hole before them wait for it, unless they are more bytes than may wait.
    for limit in [200, 1 << 20] {
      var limits = RemuxLimits()
      limits.waitingBytes = limit
      var remuxer = TrackRemuxer(try remuxSource(header, .loc), limits: limits)
      for index in [0, 1, 2] + Array(4..<10) { remuxer.receive(objects[index]) }
      var count = 0
      while let event = remuxer.poll() { if case .chunk = event { count += 1 } }
      #expect(count == (limit == 200 ? 9 : 3))
    }
  }

  @Test func `declared gaps are no holes`() throws {
    let (header, samples) = try sources("aac")
    var objects = try locObjects(Array(samples.prefix(20)), header: header)
    // Ids in steps of three, groups in steps of ten.
    for index in objects.indices {
      objects[index].object *= 3
      if objects[index].object > 0 { objects[index].properties.append(RemuxProperty(0x3E, 2)) }
      if objects[index].group == 8 {
        objects[index].group = 17
        objects[index].properties.append(RemuxProperty(0x3C, 9))
      }
    }
    var remuxer = TrackRemuxer(try remuxSource(header, .loc))
    for object in objects { remuxer.receive(object) }
    remuxer.endGroup(7, at: 28, now: start)
    var count = 0
    while let event = remuxer.poll() { if case .chunk = event { count += 1 } }
    #expect(count == 20)
  }

  @Test func `without ends of groups, times tell that nothing is missing`() throws {
    for name in ["avc", "avc-b", "aac"] {
      let (header, samples) = try sources(name)
      var remuxer = TrackRemuxer(try remuxSource(header, .loc))
      for object in try locObjects(samples, header: header) { remuxer.receive(object) }
      var groups: Set<UInt64> = []
      while let event = remuxer.poll() {
        if case .chunk(let group, _, _) = event { groups.insert(group) }
      }
      #expect(groups == Set(samples.map(\.group)))
    }
  }

  @Test func `a restart begins with lower ids`() throws {
    let (header, samples) = try sources("avc")
    let objects = try locObjects(samples, header: header)
    var remuxer = TrackRemuxer(try remuxSource(header, .loc))
    for object in objects { remuxer.receive(object) }
    while remuxer.poll() != nil {}
    var again = objects[0]
    again.group = 1
    again.arrival = start + .seconds(5)
    remuxer.receive(again)
    #expect(!remuxer.looksRestarted(now: start + .seconds(6)))
    #expect(remuxer.looksRestarted(now: start + .seconds(8)))
    remuxer.restart()
    #expect(!remuxer.looksRestarted(now: start + .seconds(8)))
    while remuxer.poll() != nil {}
    for object in objects.prefix(3) {
      var object = object
      object.group = 1
      remuxer.receive(object)
    }
    guard case .header? = remuxer.poll() else { return #expect(Bool(false)) }
  }

  @Test func `a group whose time jumps follows the end of the one before at once`() throws {
    let (header, samples) = try sources("aac")
    var objects = try locObjects(Array(samples.prefix(20)), header: header)
    for index in 10..<20 {
      objects[index].properties = [
        RemuxProperty(0x08, 48_000), RemuxProperty(0x10, 500_000 + UInt64(index) * 1024),
      ]
    }
    for knowsEnd in [true, false] {
      var remuxer = TrackRemuxer(try remuxSource(header, .loc))
      for object in objects.prefix(10) { remuxer.receive(object) }
      if knowsEnd { remuxer.endGroup(7, at: 10, now: start) }
      for object in objects.suffix(10) { remuxer.receive(object) }
      var count = 0
      while let event = remuxer.poll() { if case .chunk = event { count += 1 } }
      #expect(count == (knowsEnd ? 20 : 10))
    }
  }

  @Test func `what follows a hole in a group of several key frames is dropped too`() throws {
    let (header, samples) = try sources("avc")
    // Both of the fixture's groups as one.
    var objects = try locObjects(
      samples.enumerated().map { index, sample in
        var sample = sample
        (sample.group, sample.object) = (7, UInt64(index))
        return sample
      },
      header: header
    )
    objects.remove(at: 10)
    for index in objects.indices {
      objects[index].arrival = start + .milliseconds(Int64(index) * 100)
    }
    let result = remux(try remuxSource(header, .loc), objects)
    #expect(result.chunks.map(\.object) == Array(0..<10))
    #expect(result.drops.count == 39)
  }
}
