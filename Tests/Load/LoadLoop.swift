import LinuxIO
import Wire

/// All clients on one loop.
final class LoadLoop {
  private struct Seat {
    let player: Player
    var playlist: Link?
    var media: Link?
    /// The media that was asked for.
    var mediaURI = ""
    /// When it connects, or does so again; nil while it is connected.
    var connectAt: Instant?
    /// When it breaks off; nil when it doesn't.
    var breakAt: Instant?
    /// Both directions are closed a moment after ours.
    var isHalfClosed = false
  }

  private let options: Options
  private let host: String
  private let loop: EventLoop
  private let figures: Figures
  private var seats: [Seat]
  private var links: [EventToken: Link] = [:]
  private var random: SeededGenerator
  private var buffer = [UInt8](repeating: 0, count: 1 << 19)
  private var now: Instant
  /// Links that have their answer and ask again when this turn's answers are read: clients on machines
  /// of their own would not make each other wait.
  private var ready: [Link] = []

  /// Answers that are read, at most, before their clients go on.
  private static let readyLimit = 512
  private static let tick = Interval.milliseconds(20)
  private static let patience = Interval.seconds(10)

  init(_ options: Options, _ renditions: [Rendition], _ figures: Figures) throws {
    self.options = options
    self.figures = figures
    host = "\(options.server)"
    random = SeededGenerator(seed: options.seed)
    loop = try EventLoop()
    now = Clock.now
    let start = now
    seats = (0..<options.clients).map { index in
      Seat(
        player: Player(renditions[index % renditions.count], options),
        connectAt: start + .milliseconds(Int64(index) * 1000 / Int64(options.ramp))
      )
    }
  }

  func run() throws {
    let start = now
    let end = start + .seconds(options.seconds)
    var nextTick = start
    var second: Int64 = 0
    while now < end {
      var events = 0
      try loop.wait(until: nextTick) { token, _ in
        events += 1
        if let link = links[token] { serve(link) }
      }
      now = Clock.now
      if events < EventLoop.eventsPerWait || ready.count >= Self.readyLimit { proceedAll() }
      guard now >= nextTick else { continue }
      nextTick = now + Self.tick
      for index in seats.indices { check(index) }
      if now >= start + .seconds(second) {
        if let process = options.process, let sample = ProcessSample(of: process) {
          figures.note(sample, second: second)
        }
        second += 1
      }
    }
    if let process = options.process, let sample = ProcessSample(of: process) {
      figures.note(sample, second: second)
    }
    for index in seats.indices { leave(index) }
  }

  // MARK: Links

  private func serve(_ link: Link) {
    do throws(Complaint) {
      if link.isConnecting {
        now = Clock.now
        try link.connected(loop)
        figures.connections += 1
        ready.append(link)
        return
      }
      guard let answer = try link.read(into: &buffer) else { return }
      let utc = Clock.utc
      now = Clock.now
      figures.bytes += answer.body.count
      guard answer.status == 200 else {
        throw Complaint("status \(answer.status), \(link.purpose)")
      }
      let seat = seats[link.player]
      switch link.purpose {
      case .playlist:
        figures.playlists += 1
        try seat.player.take(answer.body, at: utc, figures)
        if !seat.isHalfClosed { ready.append(link) }
        if let media = seat.media, !media.isConnecting, media.askedAt == nil { ready.append(media) }
      case .media:
        figures.media += 1
        guard !answer.body.isEmpty else { throw Complaint("media without bytes") }
        seat.player.tookMedia(seat.mediaURI, at: utc)
        ready.append(link)
      }
    } catch {
      fail(link.player, error)
    }
  }

  private func fail(_ index: Int, _ error: Complaint) {
    // A client that has closed its side expects the server to do the same.
    if !seats[index].isHalfClosed { figures.count(error) }
    leave(index)
    seats[index].connectAt = now + .seconds(1)
  }

  private func proceedAll() {
    for link in ready
    where links[link.token] === link && link.askedAt == nil && !seats[link.player].isHalfClosed {
      do throws(Complaint) {
        try proceed(link)
      } catch {
        fail(link.player, error)
      }
    }
    ready.removeAll(keepingCapacity: true)
  }

  /// Sends the next request of a link that has none.
  private func proceed(_ link: Link) throws(Complaint) {
    let player = seats[link.player].player
    switch link.purpose {
    case .playlist: try link.ask(player.nextReload(), host, now: now)
    case .media:
      guard let path = player.nextMedia() else { return }
      seats[link.player].mediaURI = String(path.dropFirst(player.rendition.base.count))
      try link.ask(path, host, now: now)
    }
  }

  private func join(_ index: Int) {
    seats[index].connectAt = nil
    seats[index].isHalfClosed = false
    seats[index].player.reset()
    do throws(SystemError) {
      seats[index].playlist = try open(index, .playlist)
      if options.fetchesParts || options.holdsHints { seats[index].media = try open(index, .media) }
    } catch {
      figures.count(Complaint("errno \(error.code) while connecting"))
      leave(index)
      seats[index].connectAt = now + .seconds(1)
    }
    if options.churns {
      seats[index].breakAt = now + .milliseconds(Int64.random(in: 0...3000, using: &random))
    }
  }

  private func open(_ index: Int, _ purpose: Link.Purpose) throws(SystemError) -> Link {
    let link = try Link(to: options.server, player: index, purpose, loop, now: now)
    links[link.token] = link
    return link
  }

  private func leave(_ index: Int) {
    for link in [seats[index].playlist, seats[index].media] {
      guard let link else { continue }
      loop.remove(link.socket.descriptor, link.token)
      links[link.token] = nil
    }
    seats[index].playlist = nil
    seats[index].media = nil
    seats[index].breakAt = nil
  }

  // MARK: Time

  private func check(_ index: Int) {
    if let at = seats[index].connectAt {
      if at <= now { join(index) }
      return
    }
    if let at = seats[index].breakAt, at <= now { return breakOff(index) }
    for link in [seats[index].playlist, seats[index].media] {
      guard let asked = link?.askedAt, now - asked > Self.patience else { continue }
      figures.count(Complaint("no answer in 10 s"))
      leave(index)
      seats[index].connectAt = now + .seconds(1)
    }
  }

  /// Leaves in one of the ways in which clients do.
  private func breakOff(_ index: Int) {
    if !seats[index].isHalfClosed, let link = seats[index].playlist, !link.isConnecting {
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        // In the middle of a request that is pipelined behind the one that waits.
        try? link.write("GET \(options.path) HT")
      case 1:
        link.socket.shutdownWriting()
        seats[index].isHalfClosed = true
        seats[index].breakAt = now + .milliseconds(Int64.random(in: 0...1000, using: &random))
        return
      case 2:
        // Answers that nobody reads: the close becomes a reset.
        for _ in 0..<4 { try? link.write("GET \(options.path) HTTP/1.1\r\nHost: x\r\n\r\n") }
      default: break
      }
    }
    figures.broken += 1
    leave(index)
    seats[index].connectAt = now + .milliseconds(Int64.random(in: 0...500, using: &random))
  }
}
