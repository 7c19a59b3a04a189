internal import Wire

/// What a manifest promises about the bytes of a segment or part.
struct SegmentExpectation: Sendable {
  /// What of a segment the bytes are.
  enum Place: Sendable, Hashable {
    case wholeSegment
    case firstPart
    case laterPart
  }

  var place = Place.wholeSegment
  /// Whether chunks hold several tracks, which fails CMAF-002: then each track is judged by itself.
  var isMuxed = false
  /// The duration that the manifest tells, and how far the samples may be from it; nil when it is not
  /// known.
  var duration: (time: TrackTime, tolerance: Interval)?
  /// The schemes that the MPD declares as in-band; nil when there is no MPD to declare any.
  var eventSchemes: Set<String>?
  /// The wall clock that the manifest gives to the segment's start; nil when it gives none.
  var wallClock: UTCTime?
}

extension CMAFRules {
  /// How far a track may end from the one that it is together with: a frame of sound.
  static let otherTrackTolerance = Interval.milliseconds(50)

  /// Judges a segment or part, CMAF-003, 004, 007 to 010 and 013 to 017; returns it when it can be
  /// read.
  ///
  /// Continuity with what comes before is ``TrackChain``'s.
  static func judge(
    segment bytes: Bytes,
    of track: HeaderTrack,
    _ expectation: SegmentExpectation,
    subject: String,
    _ ledger: inout Ledger
  ) -> MediaSegment? {
    let whole: MediaSegment
    do throws(DecodeError) {
      whole = try MediaSegment(bytes, defaults: track.defaults)
    } catch {
      ledger.record("CMAF-003", .fail, subject, "boxes can't be read: \(error)")
      return nil
    }
    let segment = expectation.isMuxed ? whole.only(track.id) : whole
    ledger.expect(
      "CMAF-003",
      segment.faults.isEmpty,
      subject,
      segment.faults.isEmpty
        ? "\(segment.chunks.count) chunks" : segment.faults.joined(separator: "; ")
    )
    for chunk in segment.chunks {
      if !expectation.isMuxed { judgeFragment(chunk, of: track, subject, &ledger) }
      judgeClock(chunk, subject, &ledger)
    }
    judgeSync(segment, of: track, expectation.place, subject, &ledger)
    judgePictures(segment, of: track, subject, &ledger)
    judgeEvents(segment, expectation, subject, &ledger)
    if expectation.place != .laterPart {
      judgeStart(segment, of: track, expectation, subject, &ledger)
    }
    judgeTimes(segment, of: track, expectation, subject, &ledger)
    return segment
  }

  /// CMAF-004.
  private static func judgeFragment(
    _ chunk: MediaChunk,
    of track: HeaderTrack,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    var faults: [String] = []
    let fragment = chunk.fragment
    if fragment.sequenceNumbers.count != 1 {
      faults.append("\(fragment.sequenceNumbers.count) mfhd")
    }
    if fragment.trackFragments.count != 1 {
      faults.append("\(fragment.trackFragments.count) traf")
    }
    for trackFragment in fragment.trackFragments {
      if trackFragment.trackID != track.id {
        faults.append("track \(trackFragment.trackID), not \(track.id)")
      }
      if trackFragment.hasBaseDataOffset { faults.append("a base data offset") }
      if !trackFragment.isDefaultBaseMoof { faults.append("no default-base-is-moof") }
      if trackFragment.decodeTimes.count != 1 {
        faults.append("\(trackFragment.decodeTimes.count) tfdt")
      }
      if trackFragment.runs.first?.dataOffset == nil { faults.append("no data offset") }
    }
    let size = chunk.samples.reduce(0) { $0 + Int($1.size) }
    if size != chunk.mdat.payload.count {
      faults.append("samples of \(size) bytes in an mdat of \(chunk.mdat.payload.count)")
    }
    if faults.isEmpty, chunk.sampleData.count != chunk.samples.count {
      faults.append("a data offset outside the mdat")
    }
    ledger.expect(
      "CMAF-004",
      faults.isEmpty,
      subject,
      faults.isEmpty
        ? "\(chunk.samples.count) samples fill the mdat"
        : "moof at \(chunk.moof.offset): " + faults.joined(separator: "; ")
    )
  }

  /// CMAF-009, as far as one chunk shows it.
  private static func judgeClock(
    _ chunk: MediaChunk,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let versions = chunk.fragment.trackFragments.flatMap(\.decodeTimes).map(\.version)
    let empty = chunk.samples.filter { $0.duration == 0 }.count
    ledger.expect(
      "CMAF-009",
      empty == 0 && versions.allSatisfy { $0 == 1 },
      subject,
      "\(empty) samples without duration, tfdt version \(versions)"
    )
  }

  /// CMAF-007.
  private static func judgeSync(
    _ segment: MediaSegment,
    of track: HeaderTrack,
    _ place: SegmentExpectation.Place,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    if track.kind == .audio {
      let others = segment.chunks.flatMap(\.samples).filter { !$0.isSync }.count
      ledger.expect("CMAF-007", others == 0, subject, "\(others) audio samples are not sync")
    } else if place != .laterPart, let startsWithSync = segment.startsWithSync {
      ledger.expect(
        "CMAF-007",
        startsWithSync,
        subject,
        startsWithSync ? "starts with a sync sample" : "the first sample is not sync"
      )
    }
  }

  /// CMAF-008 and what of CMAF-015 can be seen without a decoder.
  private static func judgePictures(
    _ segment: MediaSegment,
    of track: HeaderTrack,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    guard let entry = track.sampleEntries.first else { return }
    guard entry.framing != .opaque else {
      ledger.record("CMAF-008", .notApplicable, subject, "\(entry.format) has no pictures to read")
      return
    }
    var index = 0
    var known = 0
    for (sample, bytes) in segment.chunks.flatMap(\.sampleData) {
      switch CodedSample(bytes, framing: entry.framing) {
      case .picture(let isRandomAccess):
        known += 1
        if isRandomAccess != sample.isSync {
          let picture = isRandomAccess ? "a random access picture" : "no random access picture"
          ledger.record(
            "CMAF-008",
            .fail,
            subject,
            "sample \(index) is \(picture) but flagged \(sample.isSync ? "sync" : "non-sync")"
          )
        }
      case .unknown: break
      case .broken(let fault):
        ledger.record("CMAF-015", .fail, subject, "sample \(index): \(fault)")
      }
      index += 1
    }
    if known > 0 {
      ledger.record("CMAF-008", .pass, subject, "\(known) pictures agree with their flags")
    }
  }

  /// CMAF-014, as far as one segment shows it.
  private static func judgeEvents(
    _ segment: MediaSegment,
    _ expectation: SegmentExpectation,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    for event in segment.chunks.flatMap(\.preamble.events) {
      var faults: [String] = []
      if event.version != 1 { faults.append("version \(event.version)") }
      if let declared = expectation.eventSchemes, !declared.contains(event.scheme) {
        faults.append("not declared as an InbandEventStream")
      }
      ledger.expect(
        "CMAF-014",
        faults.isEmpty,
        subject,
        "emsg \(event.scheme) id \(event.id) \(faults.joined(separator: "; "))"
      )
    }
    if segment.topLevelTypes.last == "emsg" {
      ledger.record("CMAF-014", .fail, subject, "emsg after the last mdat")
    }
    if !segment.topLevelTypes.contains("emsg") {
      ledger.record("CMAF-014", .notApplicable, subject, "no event messages")
    }
  }
}
