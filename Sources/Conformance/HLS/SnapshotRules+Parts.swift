extension SnapshotRules {
  static func judgeControl(
    _ playlist: MediaPlaylist,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let target = playlist.partTarget
    let limit = Int64(playlist.targetDuration ?? 0) * 1_000_000
    ledger.expect(
      "HLS-040",
      target.map { $0 > 0 && $0 <= limit } ?? false,
      subject,
      "PART-TARGET \(seconds(target)), target duration \(playlist.targetDuration ?? 0)"
    )
    let control = playlist.serverControl
    ledger.expect(
      "HLS-041",
      control?.canBlockReload == true && control?.partHoldBack != nil,
      subject,
      control.map { "blocking \($0.canBlockReload), PART-HOLD-BACK \(seconds($0.partHoldBack))" }
        ?? "no EXT-X-SERVER-CONTROL"
    )
    guard let holdBack = control?.partHoldBack, let target else { return }
    let seen = "PART-HOLD-BACK \(seconds(holdBack)), PART-TARGET \(seconds(target))"
    ledger.expect("HLS-042", holdBack >= 2 * target, subject, seen)
    ledger.expect("HLS-043", holdBack >= 3 * target, subject, seen)
  }

  static func judgeParts(
    _ playlist: MediaPlaylist,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    guard let target = playlist.partTarget else { return }
    for segment in playlist.segments where !segment.parts.isEmpty {
      for (index, part) in segment.parts.enumerated() {
        let name = "part \(segment.number).\(index) of \(seconds(part.duration)) s"
        ledger.expect(
          "HLS-046",
          !part.uri.isEmpty && part.duration <= target,
          subject,
          "\(name), PART-TARGET \(seconds(target))"
        )
        // The last part that is listed may turn out to be the segment's last.
        let isLast = index == segment.parts.count - 1
        if !isLast, !part.isIndependent, !part.isGap, !segment.parts[index + 1].isGap {
          ledger.expect(
            "HLS-047",
            // 85 % in whole microseconds.
            part.duration * 100 >= target * 85,
            subject,
            "\(name), PART-TARGET \(seconds(target))"
          )
        } else {
          ledger.record("HLS-047", .notApplicable, subject, "\(name) may be short")
        }
      }
      let first = segment.parts[0]
      if !first.isGap {
        ledger.expect(
          "HLS-048",
          first.isIndependent,
          subject,
          "part \(segment.number).0 is \(first.isIndependent ? "" : "not ")independent"
        )
      }
      ledger.record("HLS-077", .pass, subject, "segment \(segment.number)'s tags come first")
      if let duration = segment.duration {
        let error = abs(duration - segment.partsDuration)
        ledger.expect(
          "HLS-049",
          error <= 1000 * Int64(segment.parts.count),
          subject,
          "parts of segment \(segment.number) add up to \(seconds(segment.partsDuration)),"
            + " EXTINF \(seconds(duration))"
        )
      }
    }
  }

  /// How long parts stay listed.
  static func judgePartWindow(
    _ playlist: MediaPlaylist,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    guard let target = playlist.targetDuration, !playlist.isEnded else { return }
    let target64 = Int64(target) * 1_000_000
    // From the edge backwards.
    var end: Int64 = 0
    for segment in playlist.segments.reversed() {
      let start = end + (segment.duration ?? segment.partsDuration)
      if start <= 3 * target64, segment.parts.isEmpty, !segment.isGap {
        ledger.record(
          "HLS-051",
          .fail,
          subject,
          "segment \(segment.number), \(seconds(start)) s from the edge, has no parts"
        )
      } else if end > 4 * target64, !segment.parts.isEmpty {
        ledger.record(
          "HLS-051",
          .fail,
          subject,
          "segment \(segment.number), \(seconds(end)) s from the edge, still has parts"
        )
      } else {
        ledger.record("HLS-051", .pass, subject, "parts where they belong")
      }
      end = start
    }
  }

  static func judgeHints(
    _ playlist: MediaPlaylist,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let types = playlist.hints.map(\.type)
    let holds =
      playlist.isEnded
      ? types.isEmpty
      : types.filter { $0 == "PART" }.count == 1 && Set(types).count == types.count
    ledger.expect(
      "HLS-054",
      holds,
      subject,
      "hints \(types)\(playlist.isEnded ? " after the end" : "")"
    )
  }

  private static func seconds(_ microseconds: Int64?) -> String {
    microseconds.map { "\(Double($0) / 1e6)" } ?? "absent"
  }
}
