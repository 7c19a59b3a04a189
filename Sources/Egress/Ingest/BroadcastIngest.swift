internal import CMAF
internal import MoQ
internal import Packaging
internal import Wire

/// Follows one broadcast over any number of sessions: finds its catalog, subscribes to its
/// tracks, and hands their objects to a presentation.
///
/// No IO.
final class BroadcastIngest {
  enum Output {
    case log(Configuration.LogLevel, String)
    case snapshot(PresentationSnapshot)
    /// The session is of no use; another should be tried after a pause.
    case giveUp(String)
  }

  /// A subscription of the present session.
  private enum Role {
    case catalog
    case header(track: String)
    /// An index of `tracks`.
    case media(Int)
  }

  private struct Track {
    var catalog: CatalogTrack
    var names: [FullTrackName]
    var plan: TrackPlan?
    var intake: MediaIntake?
    var isEnded = false
    /// Its index in the presentation.
    var index: Int?
    var status = IngestStatus.Track()
  }

  private let configuration: Configuration
  private let namespace: TrackNamespace
  private var session: SubscriberSession?
  private var roles: [SubscriptionID: Role] = [:]
  private var catalogNames: [FullTrackName] = []
  private var catalogNamespace: TrackNamespace
  private var catalogDeadline: Instant?
  private var lastRefusal = ""
  private var catalog: Catalog?
  private var catalogGroup: UInt64?
  private var catalogObject: UInt64?
  private var isCatalogPoisoned = false
  private var tracks: [Track] = []
  private var presentation: Presentation?
  /// When the presentation is made of the tracks that the catalog has named by then.
  private var settleDeadline: Instant?
  private var completeDeadline: Instant?
  /// Media that came before the presentation was made.
  private var early: [(track: Int, result: MediaIntake.Result)] = []
  private var reported: Set<String> = []
  private var outputs: [Output] = []
  private(set) var status = IngestStatus()

  /// Publishers may add tracks to their catalog right after its first version.
  private static let settleInterval = Interval.milliseconds(300)
  /// What may come between the catalog's last version and the last objects.
  private static let completeInterval = Interval.seconds(2)
  private static let earlyLimit = 4096

  init(configuration: Configuration, namespace: TrackNamespace) {
    self.configuration = configuration
    self.namespace = namespace
    catalogNamespace = namespace
    status.broadcast = namespace.joined()
    status.upstream = configuration.upstream.url
  }

  func poll() -> Output? { outputs.isEmpty ? nil : outputs.removeFirst() }

  /// The URL path of the broadcast.
  var path: BroadcastPath { BroadcastPath(fields: namespace.fields) }

  // MARK: Sessions

  /// Starts over with a session that is ready.
  func begin(_ session: SubscriberSession, draft: Draft, now: Instant) {
    self.session = session
    roles = [:]
    catalog = nil
    catalogGroup = nil
    isCatalogPoisoned = false
    early = []
    status.sessions += 1
    status.draft = draft.rawValue
    setPhase(.waitingForCatalog)
    lastRefusal = ""
    presentation?.restart()
    for index in tracks.indices { tracks[index].intake?.restart() }
    catalogNames = CatalogNames.candidates(for: namespace, configuration.upstream)
    askForCatalog(now: now)
  }

  /// The session is gone; what was published stays.
  func sessionEnded(_ reason: String) {
    session = nil
    roles = [:]
    catalogDeadline = nil
    settleDeadline = nil
    status.lastError = reason
    setPhase(.reconnecting)
  }

  /// An ended broadcast stays so until another begins under its name.
  func setPhase(_ phase: IngestStatus.Phase) { if status.phase != .ended { status.phase = phase } }

  private func askForCatalog(now: Instant) {
    guard let session else { return }
    guard let name = catalogNames.first else {
      catalogDeadline = nil
      outputs.append(
        .giveUp(
          "no catalog for namespace \(namespace.joined()) at \(configuration.upstream.url): "
            + "\(lastRefusal); is it published, and is the name right (probe lists what is there)?"
        )
      )
      return
    }
    catalogNamespace = name.namespace
    let id = session.subscribe(
      name,
      options: SubscribeOptions(priority: 0, start: .currentGroup)
    )
    roles[id] = .catalog
    catalogDeadline = now + configuration.upstream.answerTimeout
  }

  // MARK: Events

  func handle(_ event: SubscriberEvent, utc: UTCTime, now: Instant) {
    switch event {
    case .ready, .namespaceAnnounced, .namespaceWithdrawn, .namespacesRefused, .closed, .published,
      .absent, .fetched, .fetchFinished, .namespacesAccepted, .requestsBlocked:
      break
    case .subscribed(let id, let largest, _):
      if let role = roles[id] {
        log(.debug, "subscribed to \(name(role)), largest \(largest.map { "\($0)" } ?? "none")")
      }
    case .subscriptionFailed(let id, let failure): refused(id, failure, now: now)
    case .object(let id, let object): take(object, of: id, utc: utc, now: now)
    case .groupStreamEnded(let id, let group, let subgroup, let end):
      streamEnded(id, group, subgroup, end, utc: utc, now: now)
    case .joinEnded(let id, let outcome):
      if let role = roles[id] { log(.debug, "join of \(name(role)): \(outcome)") }
    case .subscriptionEnded(let id, let end): ended(id, end, now: now)
    case .goAway(let uri, _, let subscription):
      if subscription == nil {
        outputs.append(.giveUp("the relay goes away\(uri.isEmpty ? "" : " to \(uri)")"))
      }
    }
    drainPresentation()
  }

  private func name(_ role: Role) -> String {
    switch role {
    case .catalog: "catalog"
    case .header(let track): "the header of \(track)"
    case .media(let index): "track \(tracks[index].catalog.name)"
    }
  }

  private func refused(_ id: SubscriptionID, _ failure: RequestFailure, now: Instant) {
    guard let role = roles.removeValue(forKey: id) else { return }
    let reason =
      "\(failure.meaning)" + (failure.reason.isEmpty ? "" : ", \"\(failure.reason)\"")
      + (failure.code.map { " (code \($0))" } ?? "")
    switch role {
    case .catalog:
      lastRefusal = "the relay refused \(catalogNames.first.map { "\($0)" } ?? "it"): \(reason)"
      if !catalogNames.isEmpty { catalogNames.removeFirst() }
      askForCatalog(now: now)
    case .header(let track):
      log(.warning, "the header track of \(track) was refused: \(reason)")
    case .media(let index):
      if tracks[index].names.count > 1 {
        tracks[index].names.removeFirst()
        subscribe(index)
        return
      }
      log(.error, "track \(tracks[index].catalog.name) was refused: \(reason); it is left out")
      endTrack(index, now: now)
    }
  }

  private func ended(_ id: SubscriptionID, _ end: SubscriptionEnd, now: Instant) {
    guard let role = roles.removeValue(forKey: id) else { return }
    let reason = "\(end.status)" + (end.reason.isEmpty ? "" : ", \"\(end.reason)\"")
    switch role {
    case .catalog: log(.info, "the catalog ended: \(reason)")
    case .header: break
    case .media(let index):
      log(.info, "track \(tracks[index].catalog.name) ended: \(reason)")
      if end.status == .trackEnded {
        endTrack(index, now: now)
      } else {
        outputs.append(.giveUp("track \(tracks[index].catalog.name) ended: \(reason)"))
      }
    }
  }

  /// Ends the broadcast with its last track.
  private func endTrack(_ index: Int, now: Instant) {
    tracks[index].isEnded = true
    guard tracks.allSatisfy(\.isEnded) else { return }
    finish(now: now)
  }

  private func finish(now: Instant) {
    completeDeadline = nil
    guard status.phase != .ended else { return }
    if presentation == nil { makePresentation(utc: UTCTime(microseconds: 0), now: now) }
    presentation?.finish(now: now)
    drainPresentation()
    status.phase = .ended
    log(.info, "the broadcast has ended")
  }

  private func streamEnded(
    _ id: SubscriptionID,
    _ group: UInt64,
    _ subgroup: UInt64?,
    _ end: GroupStreamEnd,
    utc: UTCTime,
    now: Instant
  ) {
    guard case .media(let index)? = roles[id] else { return }
    if case .refused(let reason) = end {
      malformed(index, "group \(group): \(reason)")
    }
    guard let told = tracks[index].intake?.streamEnded(group: group, subgroup: subgroup, end)
    else { return }
    hand(.groupEnd(told.group, at: told.end), index, utc: utc, now: now)
  }

  private func take(_ object: Object, of id: SubscriptionID, utc: UTCTime, now: Instant) {
    guard let role = roles[id] else { return }
    switch role {
    case .catalog: takeCatalog(object, now: now)
    case .header(let track):
      guard !object.payload.isEmpty,
        let index = tracks.firstIndex(where: { $0.catalog.name == track })
      else { return }
      roles[id] = nil
      session?.unsubscribe(id)
      plan(index, header: object.payload, now: now)
    case .media(let index):
      tracks[index].status.objects += 1
      tracks[index].status.bytes += object.payload.count
      status.lastObject = now
      guard let result = tracks[index].intake?.take(object, now: now) else { return }
      tracks[index].status.groups = tracks[index].intake?.groupCount ?? 0
      if case .malformed(let reason) = result {
        malformed(index, "object \(object.location): \(reason)")
        return
      }
      hand(result, index, utc: utc, now: now)
    }
  }

  private func malformed(_ index: Int, _ reason: String) {
    tracks[index].status.malformed += 1
    let name = tracks[index].catalog.name
    // Once a track: a broken encoder breaks every object.
    guard reported.insert("malformed \(name)").inserted else { return }
    log(.error, "track \(name), \(reason); such objects are dropped and counted from now on")
  }

  private func hand(_ result: MediaIntake.Result, _ index: Int, utc: UTCTime, now: Instant) {
    guard let presentation else {
      if early.count < Self.earlyLimit { early.append((index, result)) }
      return
    }
    guard let track = tracks[index].index else { return }
    switch result {
    case .media(let object): presentation.receive(object, on: track, utc: utc, now: now)
    case .groupEnd(let group, let end):
      presentation.endGroup(group, at: end, on: track, utc: utc, now: now)
    case .nothing, .malformed: break
    }
  }

  // MARK: Catalog

  private func takeCatalog(_ object: Object, now: Instant) {
    guard !object.payload.isEmpty else { return }
    // Only the newest group counts, and of it each object once.
    if let group = catalogGroup {
      guard object.group >= group else { return }
      if object.group == group, let last = catalogObject, object.id <= last { return }
    }
    var limits = CatalogLimits()
    limits.bytes = configuration.moq.catalogBytes
    do throws(CatalogError) {
      switch try CatalogUpdate.decode(object.payload, limits: limits) {
      case .independent(let catalog, let problems):
        self.catalog = catalog
        isCatalogPoisoned = false
        report(problems)
      case .delta(let delta):
        guard let old = catalog, object.group == catalogGroup, !isCatalogPoisoned else { return }
        let (catalog, problems) = try old.applying(delta, limits: limits)
        self.catalog = catalog
        report(problems)
      }
    } catch {
      // The last good catalog stays until the next whole one.
      isCatalogPoisoned = true
      log(.error, "catalog \(object.location): \(error.description)")
      if catalog == nil {
        lastRefusal = error.description
        catalogDeadline = nil
        outputs.append(.giveUp("the catalog makes no sense: \(error.description)"))
      }
      return
    }
    catalogGroup = object.group
    catalogObject = object.id
    catalogDeadline = nil
    apply(now: now)
  }

  private func report(_ problems: [CatalogProblem]) {
    for problem in problems where reported.insert(problem.description).inserted {
      log(problem.isTrackSkipped ? .error : .warning, "catalog: \(problem.description)")
    }
  }

  /// Subscribes to what is new in the catalog, and notes what is gone.
  private func apply(now: Instant) {
    guard let catalog else { return }
    if catalog.isComplete {
      completeDeadline = completeDeadline ?? now + Self.completeInterval
    }
    if status.phase == .ended, !catalog.isComplete, !catalog.tracks.isEmpty {
      // A new broadcast under the name of one that has ended.
      presentation = nil
      tracks = []
      status.phase = .waitingForCatalog
    }
    for wanted in catalog.tracks {
      if let index = tracks.firstIndex(where: { $0.catalog.name == wanted.name }) {
        let hasChanged = tracks[index].catalog.initialization != wanted.initialization
        tracks[index].catalog = wanted
        if hasChanged || !isSubscribed(index) { prepare(index, now: now) }
        continue
      }
      guard tracks.count < configuration.moq.tracks else {
        if reported.insert("tracks").inserted {
          log(.error, "the catalog has more than moq.tracks = \(configuration.moq.tracks) tracks")
        }
        break
      }
      guard isWanted(wanted) else { continue }
      var track = Track(catalog: wanted, names: wanted.fullTrackNames(in: catalogNamespace))
      track.status.name = wanted.name
      tracks.append(track)
      prepare(tracks.count - 1, now: now)
    }
    if presentation == nil, settleDeadline == nil, tracks.contains(where: { $0.plan != nil }) {
      settleDeadline = now + Self.settleInterval
    }
    if tracks.isEmpty, !catalog.isComplete, reported.insert("nothing").inserted {
      log(.error, "the catalog has no track that can be served: packaging cmaf is needed")
    }
  }

  private func isSubscribed(_ index: Int) -> Bool {
    roles.values.contains { role in
      switch role {
      case .media(index): true
      case .header(let name): name == tracks[index].catalog.name
      default: false
      }
    }
  }

  private func isWanted(_ track: CatalogTrack) -> Bool {
    guard track.packaging == .cmaf else {
      if reported.insert("packaging \(track.name)").inserted {
        log(
          .warning,
          "track \(track.name) is left out: packaging \(track.packaging.text) is not cmaf"
        )
      }
      return false
    }
    guard track.encryptionScheme == nil else {
      if reported.insert("encryption \(track.name)").inserted {
        log(.warning, "track \(track.name) is left out: its objects are encrypted")
      }
      return false
    }
    return true
  }

  private func prepare(_ index: Int, now: Instant) {
    let track = tracks[index].catalog
    switch track.initialization {
    case .data(let header): plan(index, header: header, now: now)
    case .track(let name):
      guard let session else { return }
      let id = session.subscribe(
        FullTrackName(catalogNamespace, name),
        options: SubscribeOptions(priority: 1, start: .currentGroup)
      )
      roles[id] = .header(track: track.name)
    case .trackProperty, .objectProperty, nil:
      if reported.insert("header \(track.name)").inserted {
        log(.warning, "track \(track.name) is left out: the catalog has no header for it")
      }
    }
  }

  private func plan(_ index: Int, header: Bytes, now: Instant) {
    let plan: TrackPlan
    do throws(TrackPlan.Refusal) {
      plan = try TrackPlan(tracks[index].catalog, header: header)
    } catch {
      if reported.insert("plan \(tracks[index].catalog.name)").inserted {
        log(.error, "track \(tracks[index].catalog.name) is left out: \(error.reason)")
      }
      return
    }
    let isNew = tracks[index].plan?.description.initSegment != plan.description.initSegment
    if isNew {
      tracks[index].plan = plan
      tracks[index].intake = MediaIntake(plan)
      tracks[index].status.kind = plan.description.info.kind.rawValue
      tracks[index].status.codec = plan.description.info.codec
      if let presentation, let known = tracks[index].index {
        presentation.replaceHeader(of: known, with: plan.description)
      }
    }
    if let presentation, tracks[index].index == nil {
      tracks[index].index = presentation.addTrack(plan.description)
    }
    if !isSubscribed(index) { subscribe(index) }
    if presentation == nil, settleDeadline == nil { settleDeadline = now + Self.settleInterval }
  }

  private func subscribe(_ index: Int) {
    guard let session, let name = tracks[index].names.first else { return }
    let isAudio = tracks[index].plan?.description.info.kind == .audio
    // A late audio frame is missed more than a late picture.
    let id = session.subscribe(name, options: SubscribeOptions(priority: isAudio ? 32 : 64))
    roles[id] = .media(index)
    tracks[index].isEnded = false
    if status.phase == .waitingForCatalog { status.phase = .waitingForMedia }
  }

  private func makePresentation(utc: UTCTime, now: Instant) {
    settleDeadline = nil
    // Video first, as manifests want it; otherwise as in the catalog.
    let order = tracks.indices.filter { tracks[$0].plan != nil }.sorted { left, right in
      (rank(left), left) < (rank(right), right)
    }
    let descriptions = order.compactMap { tracks[$0].plan?.description }
    guard !descriptions.isEmpty else { return }
    for (position, index) in order.enumerated() { tracks[index].index = position }
    let made = Presentation(tracks: descriptions, policy: configuration.packaging)
    presentation = made
    let waiting = early
    early = []
    for (index, result) in waiting { hand(result, index, utc: utc, now: now) }
  }

  private func rank(_ index: Int) -> Int {
    tracks[index].plan?.description.info.kind == .video ? 0 : 1
  }

  // MARK: Time and results

  var deadline: Instant? {
    [catalogDeadline, settleDeadline, completeDeadline, presentation?.deadline].compactMap { $0 }
      .min()
  }

  func handleTimeout(utc: UTCTime, now: Instant) {
    if let deadline = catalogDeadline, deadline <= now {
      lastRefusal =
        "no answer for \(catalogNames.first.map { "\($0)" } ?? "it") within "
        + "\(configuration.upstream.answerTimeout.seconds) s"
      for (id, role) in roles {
        if case .catalog = role {
          session?.unsubscribe(id)
          roles[id] = nil
        }
      }
      if !catalogNames.isEmpty { catalogNames.removeFirst() }
      askForCatalog(now: now)
    }
    if let deadline = settleDeadline, deadline <= now { makePresentation(utc: utc, now: now) }
    if let deadline = completeDeadline, deadline <= now { finish(now: now) }
    if let deadline = presentation?.deadline, deadline <= now {
      presentation?.handleTimeout(utc: utc, now: now)
    }
    drainPresentation()
  }

  private func drainPresentation() {
    while let output = presentation?.poll() {
      switch output {
      case .published(let snapshot):
        if status.phase != .ended { status.phase = .live }
        // One turn may publish several states; readers need the last one only, as they can see any
        // earlier one in it.
        if case .snapshot? = outputs.last { outputs.removeLast() }
        outputs.append(.snapshot(snapshot))
      case .notice(let notice): log(notice)
      }
    }
  }

  private func log(_ notice: Presentation.Notice) {
    switch notice {
    case .started(let lead, let segment, let part, let epoch):
      log(
        .info,
        "packaging: segments of \(segment.seconds) s, parts of \(part) ms, led by \(lead), "
          + "epoch \(epoch)"
      )
    case .newRun(let epoch, _): log(.warning, "media does not continue: new period, epoch \(epoch)")
    case .newLead(let name): log(.warning, "the leading track is silent; \(name) leads now")
    case .stalled(let name): log(.warning, "track \(name) has fallen behind; the others go on")
    case .resumed(let name): log(.info, "track \(name) has caught up")
    case .hole(let name): log(.warning, "objects of track \(name) are lost")
    }
  }

  private func log(_ level: Configuration.LogLevel, _ text: String) {
    outputs.append(.log(level, text))
  }

  /// The status with the presentation's figures brought in.
  func currentStatus() -> IngestStatus {
    var result = status
    result.tracks = tracks.map { track in
      var status = track.status
      if let index = track.index, let presentation {
        let figures = presentation.statistics(of: index)
        status.late = figures.order.late
        status.duplicate = figures.order.duplicate
        status.holes = figures.order.holes
        status.heldBytes = figures.heldBytes
        status.isStalled = figures.isStalled
        status.edge = figures.edge
      }
      return status
    }
    return result
  }
}
