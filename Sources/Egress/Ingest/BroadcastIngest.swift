internal import CMAF
internal import MoQ
internal import Packaging
internal import Wire

/// Follows one broadcast over any number of sessions at once, and hands its media to a presentation.
///
/// Every session subscribes to the same tracks; of two equal objects the first counts. No IO.
final class BroadcastIngest {
  enum Output {
    case log(Configuration.LogLevel, String)
    case snapshot(PresentationSnapshot)
    /// A session is of no use; another should be tried after a pause, at least as long as this.
    case legFailed(LegID, String, after: Interval)
    /// The relay names another URI for the broadcast.
    case redirected(LegID, String)
  }

  /// A track of the catalog; a reference, as every object looks at parts of it.
  final class Track {
    var catalog: CatalogTrack
    /// Its place among all that there ever were.
    let place: Int
    /// Since when no catalog has it, while they have others; nil when one has it.
    var absentSince: Instant?
    /// When it is forgotten; nil as long as it may get media.
    var forgetAt: Instant?
    var plan: TrackPlan?
    var intake: MediaIntake?
    var isEnded = false
    /// Its index in the presentation.
    var index: Int?
    /// What waits for the past, where objects have to be read in order.
    var early: EarlyObjects?
    var newest: Location?
    var seen: DeliveredObjects
    var times = KnownTimes()
    /// The missing objects that were last asked for.
    var repairing: ClosedRange<ObjectPosition>?
    /// Who was asked for them, and until when others are.
    var repairers: Set<LegID> = []
    var repairDeadline: Instant?
    var status = IngestStatus.Track()

    init(catalog: CatalogTrack, place: Int, seen: DeliveredObjects) {
      self.catalog = catalog
      self.place = place
      self.seen = seen
    }
  }

  let configuration: Configuration
  let source: Configuration.Upstream
  let namespace: TrackNamespace
  /// In place of a catalog track, where the configuration has one.
  let fixedCatalog: Catalog?
  var legs: [LegID: BroadcastLeg] = [:]
  var tracks: [Track] = []
  var presentation: Presentation?
  /// When the presentation is made of the tracks that the catalog has named by then.
  var settleDeadline: Instant?
  /// Until when tracks are waited for that have to show themselves first.
  var planDeadline: Instant?
  /// Until when the past is waited for.
  var backfillDeadline: Instant?
  var completeDeadline: Instant?
  /// When tracks that the catalogs have no more are looked at.
  var absenceDeadline: Instant?
  /// A catalog is gone with its session, and perhaps tracks with it.
  var hasLostCatalog = false
  var trackCount = 0
  /// Media that came before the presentation was made.
  var early: EarlyMedia
  /// What was complained about once.
  var reported: Set<String> = []
  var status = IngestStatus()
  /// When something last happened.
  var now = Instant(nanoseconds: 0)
  var random = SystemRandomNumberGenerator()
  private var outputs: [Output] = []

  private static let reportLimit = 1024
  /// Publishers may add tracks to their catalog right after its first version.
  static let settleInterval = Interval.milliseconds(300)
  /// What may come between the catalog's last version and the last objects.
  static let completeInterval = Interval.seconds(2)
  /// The past is worth so much delay of the first playlist.
  static let backfillInterval = Interval.milliseconds(1500)

  init(
    configuration: Configuration,
    source: Configuration.Upstream,
    namespace: TrackNamespace,
    fixedCatalog: Catalog?
  ) {
    self.configuration = configuration
    self.source = source
    self.namespace = namespace
    self.fixedCatalog = fixedCatalog
    early = EarlyMedia(byteLimit: configuration.packaging.windowBytes)
    status.broadcast = namespace.joined()
    status.upstream = source.urls.first ?? ""
  }

  func poll() -> Output? { outputs.isEmpty ? nil : outputs.removeFirst() }

  func log(_ level: Configuration.LogLevel, _ text: String) { outputs.append(.log(level, text)) }

  /// Logs what is to be said once.
  func report(_ key: String, _ level: Configuration.LogLevel, _ text: String) {
    // Names of tracks are in the keys, and a publisher may have new ones every time.
    if reported.count >= Self.reportLimit { reported = [] }
    if reported.insert(key).inserted { log(level, text) }
  }

  func fail(_ leg: LegID, _ reason: String, after pause: Interval = .zero) {
    outputs.append(.legFailed(leg, reason, after: pause))
  }

  func redirect(_ leg: LegID, to uri: String) { outputs.append(.redirected(leg, uri)) }

  // MARK: Sessions

  /// Starts following the broadcast on a session that is ready.
  func join(_ leg: LegID, _ share: SessionShare, now: Instant) {
    self.now = now
    status.sessions += 1
    status.draft = share.draft.rawValue
    status.transport = share.transport
    status.upstream = share.url
    setPhase(.waitingForCatalog)
    var limits = CatalogLimits()
    limits.bytes = configuration.moq.catalogBytes
    legs[leg] = BroadcastLeg(
      share,
      catalog: CatalogFollower(
        names: fixedCatalog == nil ? CatalogNames.candidates(for: namespace, source) : [],
        limits: limits
      ),
      namespace: namespace,
      isAlone: legs.isEmpty
    )
    if let fixedCatalog {
      apply(fixedCatalog, leg, now: now)
    } else {
      askForCatalog(leg, now: now)
    }
  }

  /// The session is gone, or no longer wanted; what was published stays.
  func leave(_ leg: LegID, _ reason: String) {
    guard let left = legs.removeValue(forKey: leg) else { return }
    left.share.leave(leg)
    for case .repair(let index, _) in left.errands.values {
      // What was asked of it has to be asked of others.
      tracks[index].repairing = nil
    }
    hasLostCatalog = true
    guard legs.isEmpty else { return }
    settleDeadline = nil
    backfillDeadline = nil
    status.lastError = reason
    setPhase(.reconnecting)
  }

  /// Notes why there is no session, if there is none.
  func failed(_ reason: String) {
    if legs.isEmpty { status.lastError = reason }
  }

  /// Whether media has come on a session.
  func hasMedia(_ leg: LegID) -> Bool { legs[leg]?.hasMedia == true }

  /// Whether the broadcast is not yet all there on a session.
  func waitsForAnswer(_ leg: LegID) -> Bool {
    guard let value = legs[leg] else { return false }
    return fixedCatalog == nil && value.catalog.catalog == nil || !value.unanswered.isEmpty
  }

  /// An ended broadcast stays so until another begins under its name.
  func setPhase(_ phase: IngestStatus.Phase) {
    guard status.phase != .ended else { return }
    // One session more or less does not stop what is live on another.
    guard status.phase != .live || legs.isEmpty else { return }
    status.phase = phase
  }

  // MARK: Events

  func handle(_ event: SubscriberEvent, of leg: LegID, utc: UTCTime, now: Instant) {
    guard legs[leg] != nil else { return }
    self.now = now
    switch event {
    case .subscribed(let id, let largest, let properties):
      subscribed(id, largest, properties, leg, now: now)
    case .subscriptionFailed(let id, let failure): refused(id, failure, leg, now: now)
    case .object(let id, let object): take(object, of: id, leg, utc: utc, now: now)
    case .groupStreamEnded(let id, let group, let subgroup, let end):
      streamEnded(id, group, subgroup, end, leg, utc: utc, now: now)
    case .joinEnded(let id, let outcome):
      if let role = legs[leg]?.role(id) { log(.debug, "join of \(name(role)): \(outcome)") }
    case .absent(let id, let range): absent(id, range, leg, utc: utc, now: now)
    case .fetchFinished(let id, let outcome): fetched(id, outcome, leg, utc: utc, now: now)
    case .subscriptionEnded(let id, let end): ended(id, end, leg, now: now)
    case .goAway: fail(leg, "the relay wants a track to be had elsewhere")
    default: break
    }
    settle(utc: utc, now: now)
  }

  /// Takes a subscription in place of one that was not answered yet; false when it was.
  func replace(_ present: SubscriptionID, by id: SubscriptionID, _ leg: LegID) -> Bool {
    guard let until = legs[leg]?.unanswered[present], let role = legs[leg]?.forget(present)
    else { return false }
    legs[leg]?.note(id, role, until: until)
    return true
  }

  func name(_ role: BroadcastLeg.Role) -> String {
    switch role {
    case .catalog: "catalog"
    case .header(let track): "the header of \(track)"
    case .media(let index): "track \(tracks[index].catalog.name)"
    }
  }

  /// Ends the broadcast: what has come is published, and nothing follows.
  func finish(now: Instant) {
    completeDeadline = nil
    guard status.phase != .ended else { return }
    if presentation == nil { makePresentation(utc: UTCTime(microseconds: 0), now: now) }
    presentation?.finish(now: now)
    drainPresentation()
    status.phase = .ended
    log(.info, "the broadcast has ended")
    lookForAnother(now: now)
  }

  // MARK: Time and results

  var deadline: Instant? {
    var earliest: Instant?
    func consider(_ candidate: Instant?) {
      guard let candidate else { return }
      earliest = earliest.map { min($0, candidate) } ?? candidate
    }
    consider(settleDeadline)
    consider(backfillDeadline)
    consider(completeDeadline)
    if presentation != nil { consider(absenceDeadline) }
    consider(presentation?.deadline)
    consider(repairDeadline)
    for leg in legs.values { consider(leg.deadline) }
    for track in tracks { consider(track.intake?.deadline) }
    return earliest
  }

  func handleTimeout(utc: UTCTime, now: Instant) {
    self.now = now
    for (leg, value) in legs {
      guard let deadline = value.deadline, deadline <= now else { continue }
      handleTimeout(of: leg, now: now)
    }
    for index in tracks.indices {
      guard let deadline = tracks[index].intake?.deadline, deadline <= now else { continue }
      tracks[index].intake?.handleTimeout(now: now)
      drain(index, utc: utc, now: now)
    }
    if let deadline = completeDeadline, deadline <= now { finish(now: now) }
    if let deadline = presentation?.deadline, deadline <= now {
      presentation?.handleTimeout(utc: utc, now: now)
    }
    settle(utc: utc, now: now)
  }

  private func settle(utc: UTCTime, now: Instant) {
    if isBackfilled(now: now) {
      // What is over must not stay due: media may never come.
      backfillDeadline = nil
      endBackfill(utc: utc, now: now)
    }
    if presentation == nil, let deadline = settleDeadline, deadline <= now {
      if isBackfilled(now: now), arePlanned(now: now) {
        makePresentation(utc: utc, now: now)
      } else {
        settleDeadline = now + .milliseconds(50)
      }
    }
    if hasLostCatalog { noteAbsence(now: now) }
    if let deadline = absenceDeadline, deadline <= now, presentation != nil {
      reviewAbsence(now: now)
    }
    repair(now: now)
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
    case .newLead(let name):
      log(.warning, "the leading track is silent or gone; \(name) leads now")
    case .retired(let name):
      log(.info, "track \(name) is gone from the catalog; its playlist has ended")
    case .stalled(let name): log(.warning, "track \(name) has fallen behind; the others go on")
    case .resumed(let name): log(.info, "track \(name) has caught up")
    case .hole(let name): log(.warning, "objects of track \(name) are lost")
    case .cut(let name):
      let limit = configuration.packaging.segmentBytes
      log(
        .error,
        "segments of track \(name) are larger than \(limit) bytes, a quarter of "
          + "packaging.window-megabytes: the rest of each is a gap"
      )
    }
  }

  /// The status with the presentation's figures brought in.
  func currentStatus() -> IngestStatus {
    var result = status
    result.legs = legs.count
    result.tracks = tracks.filter { $0.forgetAt == nil }.map { track in
      var status = track.status
      if let index = track.index, let presentation {
        let figures = presentation.statistics(of: index)
        status.late = figures.order.late
        status.duplicate += figures.order.duplicate
        status.holes = figures.order.holes
        status.concealed = figures.concealed
        status.cutSegments = figures.cutSegments
        status.heldBytes = figures.heldBytes
        status.isStalled = figures.isStalled
        status.edge = figures.edge
      }
      return status
    }
    return result
  }
}
