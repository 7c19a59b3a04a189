internal import LinuxIO
package import TLS
package import Wire

/// One check of one URL: the loop that carries fetches and exchanges between the cores and a client.
package struct CheckRun {
  /// Why a check can't be made.
  package struct Impossible: Error, CustomStringConvertible {
    package let description: String
  }

  /// Whose fetch it is.
  private enum Owner {
    case session(Int)
    case probes(Int)
  }

  private let url: WebURL
  private let length: Interval
  private let client: Client
  private var owners: [Int: Owner] = [:]
  private var session: Session
  private var probes: HTTPProbes?
  private var report: Report

  /// Prepares a check that lasts so long; connects to nothing yet.
  ///
  /// - Throws: `Impossible` when the URL is none, or the system has no descriptors left.
  package init(_ text: String, for length: Interval, trust: ServerTrust) throws(Impossible) {
    guard let url = WebURL(text) else {
      throw Impossible(description: "\(text) is no http or https URL")
    }
    do {
      client = try Client(trust: trust)
    } catch {
      throw Impossible(description: "\(error)")
    }
    self.url = url
    self.length = length
    session = .hls(HLSSession(url))
    report = Report(url: url.description)
  }

  /// Plays and judges until the time is over.
  ///
  /// - Throws: `Impossible` when there is nothing at the URL that can be checked.
  package mutating func run() throws(Impossible) -> Report {
    let begin = Clock.now
    let end = begin + length
    if let kind = try discover() { session = kind }
    while true {
      send()
      let now = Clock.now
      guard now < end, session.failure == nil else { break }
      for (identifier, exchange) in try wait(until: min(end, session.deadline ?? end)) {
        report.ledger.time = Clock.now - begin
        receive(exchange, of: identifier)
      }
      report.ledger.time = Clock.now - begin
      session.handleTimeout(now: Clock.now)
      if probes == nil, now > begin + .seconds(2), let targets = session.targets {
        probes = HTTPProbes(targets)
      }
    }
    if let failure = session.failure { throw Impossible(description: failure) }
    session.finish(now: Clock.now, into: &report.ledger)
    report.length = Clock.now - begin
    return report
  }

  /// Asks once what is at the URL, unless its name tells; nil for a playlist.
  private mutating func discover() throws(Impossible) -> Session? {
    if url.path.hasSuffix(".m3u8") { return nil }

    var request = Request(url)
    request.bodyLimit = PlaylistText.maximumBytes
    let identifier = client.begin(request)
    while true {
      for (number, exchange) in try wait(until: Clock.now + .seconds(1)) where number == identifier
      {
        guard let response = exchange.response, response.status == 200 else {
          throw Impossible(description: "\(url): \(exchange.summary)")
        }
        let isManifest =
          response.mediaType == "application/dash+xml"
          || response.body.prefix(1024).text.contains("<MPD")
        if isManifest { throw Impossible(description: "MPDs are not here yet") }
        return nil
      }
    }
  }

  private func wait(
    until deadline: Instant
  ) throws(Impossible) -> [(identifier: Int, exchange: Exchange)] {
    do {
      return try client.wait(until: deadline)
    } catch {
      throw Impossible(description: "\(error)")
    }
  }

  private mutating func send() {
    for fetch in session.takeFetches() {
      owners[client.begin(fetch.request)] = .session(fetch.identifier)
    }
    for fetch in probes?.takeFetches() ?? [] { beginProbe(fetch) }
  }

  private mutating func beginProbe(_ fetch: Fetch) {
    owners[client.begin(fetch.request)] = .probes(fetch.identifier)
  }

  private mutating func receive(_ exchange: Exchange, of number: Int) {
    report.requests += 1
    switch owners.removeValue(forKey: number) {
    case .session(let identifier):
      session.receive(exchange, of: identifier, into: &report.ledger)
    case .probes(let identifier):
      let next = probes?.receive(exchange, of: identifier, into: &report.ledger) ?? []
      for fetch in next { beginProbe(fetch) }
    case nil: break
    }
  }
}
