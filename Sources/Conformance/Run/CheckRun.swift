internal import LinuxIO
package import TLS
package import Wire
internal import XML

/// One check: the loop that carries fetches and exchanges between the cores and a client.
package struct CheckRun {
  /// Why a check can't be made.
  package struct Impossible: Error, CustomStringConvertible {
    package let description: String
  }

  /// What a check takes besides a URL.
  package struct Options: Sendable {
    /// What plays the stream as plain players do.
    package var decoder = DecoderChoice.none
    /// The path of a schema that MPDs are validated with.
    package var schema: String?
    /// How far answers that belong together may be apart for the network's sake.
    package var networkDelay = Tolerance.release

    package init() {}
  }

  /// Whose fetch it is.
  private enum Owner {
    case session(Int, identifier: Int)
    case probes(identifier: Int)
  }

  private let urls: [WebURL]
  private let length: Interval
  private let client: Client
  private var owners: [Int: Owner] = [:]
  private var sessions: [Session] = []
  private var probes: HTTPProbes?
  private let options: Options
  private var decoders: Decoders?
  private var report: Report

  /// Prepares a check that lasts so long; connects to nothing yet.
  ///
  /// Several URLs are manifests of one stream, which are compared with each other.
  ///
  /// - Throws: `Impossible` when a URL is none, or the system has no descriptors left.
  package init(
    _ texts: [String],
    for length: Interval,
    trust: ServerTrust,
    options: Options = Options()
  ) throws(Impossible) {
    var urls: [WebURL] = []
    for text in texts {
      guard let url = WebURL(text) else {
        throw Impossible(description: "\(text) is no http or https URL")
      }
      urls.append(url)
    }
    do {
      client = try Client(trust: trust)
    } catch {
      throw Impossible(description: "\(error)")
    }
    self.urls = urls
    self.options = options
    if let path = options.schema {
      do {
        _ = try XMLSchema(path: path)
      } catch {
        throw Impossible(description: "\(path): \(error)")
      }
    }
    self.length = length
    report = Report(url: urls.map(\.description).joined(separator: " "))
  }

  /// Plays and judges until the time is over.
  ///
  /// - Throws: `Impossible` when there is nothing at a URL that can be checked.
  package mutating func run() throws(Impossible) -> Report {
    let begin = Clock.now
    let end = begin + length
    for url in urls { sessions.append(try discover(url)) }
    while true {
      let now = Clock.now
      report.ledger.time = now - begin
      send(now: now)
      if let failure = sessions.compactMap(\.failure).first {
        throw Impossible(description: failure)
      }
      guard now < end else { break }
      let deadline = turnDecoders(now: now, began: begin) ?? end
      for (identifier, exchange) in try wait(until: min(end, deadline)) {
        report.ledger.time = Clock.now - begin
        receive(exchange, of: identifier)
      }
      // Media has begun to flow by then, and plays on beside the probes.
      if probes == nil, now > begin + .seconds(2) {
        probes = sessions.lazy.compactMap(\.targets).first.map { HTTPProbes($0) }
      }
    }
    if let silent = sessions.first(where: { !$0.hasManifest }) {
      throw Impossible(description: "\(silent.entry): nothing to check came in time")
    }
    finish(begin: begin, end: Clock.now)
    try finishDecoders(begin: begin)
    return report
  }

  /// Looks after decoders, which begin once there is something to decode; when to come back at the
  /// latest, as far as is known.
  private mutating func turnDecoders(now: Instant, began begin: Instant) -> Instant? {
    let media = sessions.flatMap(\.decoderTasks)
    if decoders == nil, now > begin + Self.decodersBegin, media.count > sessions.count {
      decoders = Decoders(options.decoder, media)
    }
    decoders?.turn(now: now, into: &report.ledger)
    let deadlines = sessions.compactMap(\.deadline)
    guard decoders?.isIdle == false else { return deadlines.min() }
    return (deadlines + [now + .milliseconds(100)]).min()
  }

  /// Media is ahead of what a plain player wants by then.
  private static let decodersBegin = Interval.seconds(4)

  /// Waits for the decoder that still runs.
  private mutating func finishDecoders(begin: Instant) throws(Impossible) {
    if decoders == nil { decoders = Decoders(options.decoder, sessions.flatMap(\.decoderTasks)) }
    decoders?.drop(into: &report.ledger)
    while decoders?.isIdle == false {
      report.ledger.time = Clock.now - begin
      decoders?.turn(now: Clock.now, into: &report.ledger)
      _ = try wait(until: Clock.now + .milliseconds(50))
    }
  }

  /// Judges what takes the whole check to see, in the light of outages.
  private mutating func finish(begin: Instant, end: Instant) {
    for index in sessions.indices { sessions[index].settle(into: &report.ledger) }
    let outages = Session.outages(sessions, until: end)
    for index in sessions.indices {
      sessions[index].finish(now: end, outages: outages, into: &report.ledger)
    }
    report.notes += outages.notes(since: begin)
    compare()
    report.length = end - begin
  }

  /// Compares HLS with DASH where both are played.
  private mutating func compare() {
    guard let dash = sessions.first(where: \.isDASH)?.fetched,
      let hls = sessions.first(where: { !$0.isDASH })?.fetched
    else { return }
    DASHRules.judgeSharing(dash: dash, hls: hls, &report.ledger)
    guard let manifest = sessions.lazy.compactMap(\.manifest).first else { return }
    DASHRules.judgePeriods(
      manifest.manifest,
      discontinuities: sessions.flatMap(\.discontinuities),
      subject: manifest.subject,
      &report.ledger
    )
  }

  /// Says what is at a URL, by its name or by asking once.
  private func discover(_ url: WebURL) throws(Impossible) -> Session {
    if url.path.hasSuffix(".m3u8") { return playlist(url) }
    if url.path.hasSuffix(".mpd") { return dash(url) }
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
        return isManifest ? dash(url) : playlist(url)
      }
    }
  }

  private func dash(_ url: WebURL) -> Session {
    Session(
      manifest: url,
      delay: options.networkDelay,
      schema: options.schema,
      now: Clock.now,
      utc: Clock.utc
    )
  }

  private func playlist(_ url: WebURL) -> Session {
    Session(playlist: url, delay: options.networkDelay)
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

  private mutating func send(now: Instant) {
    for index in sessions.indices {
      for fetch in sessions[index].takeFetches(now: now) {
        let number = client.begin(fetch.request)
        owners[number] = .session(index, identifier: fetch.identifier)
      }
    }
    for fetch in probes?.takeFetches() ?? [] { begin(fetch) }
  }

  private mutating func begin(_ fetch: Fetch) {
    owners[client.begin(fetch.request)] = .probes(identifier: fetch.identifier)
  }

  private mutating func receive(_ exchange: Exchange, of number: Int) {
    report.requests += 1
    switch owners.removeValue(forKey: number) {
    case .session(let index, let identifier):
      sessions[index].receive(exchange, of: identifier, into: &report.ledger)
    case .probes(let identifier):
      for fetch in probes?.receive(exchange, of: identifier, into: &report.ledger) ?? [] {
        begin(fetch)
      }
    case nil: break
    }
  }
}
