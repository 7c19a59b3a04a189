internal import Wire

/// What one copy of a media playlist shows by itself.
enum SnapshotRules {
  /// Judges a whole playlist, that is, one in which a delta has been merged.
  static func judge(
    _ playlist: MediaPlaylist,
    complaints: [Complaint],
    subject: String,
    into ledger: inout Ledger
  ) {
    for complaint in complaints {
      ledger.record(complaint.requirement, .fail, subject, complaint.text)
    }
    for requirement in ["HLS-001", "HLS-004"] {
      ledger.record(requirement, .pass, subject, "\(playlist.segments.count) segments read")
    }
    judgeHeader(playlist, subject, &ledger)
    judgeSegments(playlist, subject, &ledger)
    judgeDates(playlist, subject, &ledger)
    judgeNames(playlist, subject, &ledger)
    if playlist.isLowLatency {
      judgeControl(playlist, subject, &ledger)
      judgeParts(playlist, subject, &ledger)
      judgePartWindow(playlist, subject, &ledger)
      judgeHints(playlist, subject, &ledger)
    } else {
      for requirement in lowLatencyNumbers {
        ledger.record(requirement, .notApplicable, subject, "no low latency offered")
      }
    }
  }

  /// What is only asked of playlists with parts.
  private static let lowLatencyNumbers = [
    "HLS-040", "HLS-041", "HLS-042", "HLS-043", "HLS-046", "HLS-047", "HLS-048", "HLS-049",
    "HLS-050", "HLS-051", "HLS-052", "HLS-053", "HLS-054", "HLS-055", "HLS-056", "HLS-057",
    "HLS-058", "HLS-059", "HLS-060", "HLS-062", "HLS-064", "HLS-066", "HLS-076", "HLS-077",
  ]

  /// The version that the tags in use need, rfc8216bis "Protocol Version Compatibility".
  static func neededVersion(_ playlist: MediaPlaylist) -> Int {
    if playlist.removedDateRanges != nil { return 10 }
    if playlist.skipped != nil { return 9 }
    if playlist.tagNames.contains("EXT-X-MAP") { return 6 }
    if playlist.tagNames.contains("EXT-X-BYTERANGE") { return 4 }
    return 1
  }

  /// Judges the version, also of a delta as it came.
  static func judgeVersion(
    _ playlist: MediaPlaylist,
    subject: String,
    into ledger: inout Ledger
  ) {
    let needed = neededVersion(playlist)
    // Without the tag a playlist is of version 1.
    ledger.expect(
      "HLS-003",
      (playlist.version ?? 0) >= needed,
      subject,
      "version \(playlist.version.map(String.init) ?? "absent"), \(needed) needed"
    )
  }

  private static func judgeHeader(
    _ playlist: MediaPlaylist,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    judgeVersion(playlist, subject: subject, into: &ledger)
    let target = playlist.targetDuration
    ledger.expect("HLS-011", (target ?? 0) >= 1, subject, "target duration \(target ?? 0)")
    if !playlist.isEnded {
      ledger.expect(
        "HLS-014",
        playlist.mediaSequence != nil,
        subject,
        "media sequence \(playlist.mediaSequence ?? 0)"
      )
    }
    ledger.expect(
      "HLS-016",
      playlist.type == nil || playlist.type == "EVENT" || playlist.isEnded,
      subject,
      "playlist type \(playlist.type ?? "absent")"
    )
    if let control = playlist.serverControl, let target {
      let target = Int64(target) * 1_000_000
      judgeAtLeast("HLS-044", control.holdBack, 3 * target, "HOLD-BACK", subject, &ledger)
      judgeAtLeast("HLS-045", control.canSkipUntil, 6 * target, "CAN-SKIP-UNTIL", subject, &ledger)
      if control.canSkipDateRanges, control.canSkipUntil == nil {
        ledger.record("HLS-045", .fail, subject, "CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL")
      }
    } else {
      ledger.record("HLS-044", .notApplicable, subject, "no server control")
      ledger.record("HLS-045", .notApplicable, subject, "no server control")
    }
  }

  /// Judges an optional duration that has a least value; microseconds.
  private static func judgeAtLeast(
    _ requirement: String,
    _ value: Int64?,
    _ least: Int64,
    _ name: String,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    guard let value else {
      ledger.record(requirement, .notApplicable, subject, "no \(name)")
      return
    }
    let seen = "\(name) \(Double(value) / 1e6), least \(Double(least) / 1e6)"
    ledger.expect(requirement, value >= least, subject, seen)
  }

  private static func judgeSegments(
    _ playlist: MediaPlaylist,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let isFragmented = playlist.segments.contains { segment in
      segment.map != nil || pathExtension(segment.uri) == "m4s"
    }
    for segment in playlist.segments {
      if let duration = segment.duration, let target = playlist.targetDuration {
        ledger.expect(
          "HLS-012",
          duration < Int64(target) * 1_000_000 + 500_000,
          subject,
          "segment \(segment.number) of \(Double(duration) / 1e6) s, target duration \(target)"
        )
        ledger.record("HLS-015", .pass, subject, "segment \(segment.number) has EXTINF")
        if segment.isGap {
          ledger.expect(
            "HLS-030",
            duration > 0,
            subject,
            "gap \(segment.number) of \(Double(duration) / 1e6) s"
          )
        }
      }
      if isFragmented {
        ledger.expect(
          "HLS-023",
          segment.map != nil,
          subject,
          "segment \(segment.number) \(segment.map == nil ? "without" : "with") a map"
        )
      }
    }
    if !isFragmented {
      ledger.record("HLS-023", .notApplicable, subject, "segments need no init")
    }
    ledger.expect(
      "HLS-028",
      playlist.discontinuitySequence != nil
        || !playlist.segments.contains { $0.startsDiscontinuity },
      subject,
      "discontinuity sequence \(playlist.discontinuitySequence.map(String.init) ?? "absent")"
    )
  }

  private static func judgeDates(
    _ playlist: MediaPlaylist,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    guard !playlist.segments.isEmpty else { return }
    let hasDate = playlist.segments.contains { $0.date != nil }
    if !playlist.isEnded || hasDate {
      let undated = playlist.segments.first { $0.startsDiscontinuity && $0.date == nil }
      ledger.expect(
        "HLS-024",
        hasDate && undated == nil,
        subject,
        undated.map { "segment \($0.number) begins a discontinuity without a date" }
          ?? (hasDate ? "dates are there" : "no EXT-X-PROGRAM-DATE-TIME")
      )
    }
    for (segment, next) in zip(playlist.segments, playlist.segments.dropFirst()) {
      guard segment.discontinuity == next.discontinuity, let date = segment.date,
        let nextDate = next.date, let duration = segment.duration
      else { continue }
      let wanted = date.advanced(by: duration).microseconds
      let error = nextDate.microseconds.subtractingReportingOverflow(wanted).partialValue
      ledger.expect(
        "HLS-025",
        error.magnitude <= 10_000,
        subject,
        "the date of segment \(next.number) is \(Double(error) / 1e3) ms off"
      )
    }
    if !playlist.dateRanges.isEmpty {
      ledger.expect(
        "HLS-031",
        hasDate,
        subject,
        "\(playlist.dateRanges.count) date ranges, program dates \(hasDate ? "" : "not ")there"
      )
    } else {
      ledger.record("HLS-031", .notApplicable, subject, "no date ranges")
    }
  }

  private static func judgeNames(
    _ playlist: MediaPlaylist,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let names =
      playlist.wholeSegments.map(\.uri) + playlist.segments.flatMap { $0.parts.map(\.uri) }
      + playlist.segments.compactMap { $0.map?.uri }
    for name in names {
      let ending = pathExtension(name)
      // That it plays takes a player; that it doesn't shows in a name.
      guard knownExtensions.contains(ending) else {
        ledger.record("HLS-082", .fail, subject, "\(name) ends in .\(ending)")
        return
      }
    }
  }

  /// The ending of a URI's path in lower case, without its dot; empty when it has none.
  static func pathExtension(_ uri: String) -> String {
    let path = uri.prefix { $0 != "?" && $0 != "#" }
    let name = path[(path.lastIndex(of: "/") ?? path.startIndex)...]
    guard let dot = name.lastIndex(of: ".") else { return "" }
    return name[name.index(after: dot)...].lowercased()
  }

  /// What ffmpeg takes for segments, from 5.1.7 and 7.1.1 on.
  private static let knownExtensions: Set = [
    "mp4", "m4s", "m4a", "m4v", "cmfv", "cmfa", "ts", "aac", "ac3", "eac3", "mp3", "vtt", "webvtt",
  ]
}
