import Testing
import Wire

@Suite struct GivenUpPlacesTests {
  @Test func `only what lies inside of ranges is covered`() {
    var places = GivenUpPlaces()
    #expect(places.covers(from: (3, 4), to: (3, 4)))
    #expect(!places.covers(from: (3, 4), to: (3, 5)))
    places.insert(from: (3, 4), through: (3, 9))
    #expect(places.covers(from: (3, 4), to: (3, 10)))
    #expect(places.covers(from: (3, 7), to: (3, 8)))
    #expect(!places.covers(from: (3, 3), to: (3, 10)))
    #expect(!places.covers(from: (3, 4), to: (3, 11)))
    #expect(!places.covers(from: (3, 4), to: (4, 0)))
  }

  @Test func `ranges that touch, that overlap and that end groups are one`() {
    var places = GivenUpPlaces()
    places.insert(from: (1, 6), through: (1, .max))
    places.insert(from: (2, 0), through: (2, 3))
    places.insert(from: (2, 2), through: (4, 1))
    places.insert(from: (1, 5), through: (1, 5))
    #expect(places.covers(from: (1, 5), to: (4, 2)))
    #expect(!places.covers(from: (1, 5), to: (4, 3)))
    #expect(!places.covers(from: (1, 4), to: (4, 2)))
    // The wrong way round is nothing.
    places.insert(from: (9, 1), through: (9, 0))
    #expect(!places.covers(from: (9, 0), to: (9, 1)))
  }

  @Test func `the end of all ids`() {
    var places = GivenUpPlaces()
    places.insert(from: (.max, 7), through: (.max, .max))
    #expect(places.covers(from: (.max, 8), to: (.max, .max)))
    #expect(!places.covers(from: (.max, 6), to: (.max, .max)))
  }

  @Test func `what lies behind is forgotten, and so is what is too much`() {
    var places = GivenUpPlaces()
    places.insert(from: (1, 0), through: (1, 5))
    places.insert(from: (2, 0), through: (2, 5))
    places.forget(before: (2, 3))
    #expect(!places.covers(from: (1, 0), to: (1, 1)))
    #expect(places.covers(from: (2, 0), to: (2, 6)))
    for group in 10..<UInt64(10 + GivenUpPlaces.limit) {
      places.insert(from: (group, 0), through: (group, 0))
    }
    #expect(!places.covers(from: (2, 0), to: (2, 1)))
    #expect(places.covers(from: (10, 0), to: (10, 1)))
  }
}
