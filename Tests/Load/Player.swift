import Wire

/// What one LL-HLS client knows: where it is in its rendition, and what it has asked for.
final class Player {
  let rendition: Rendition
  let fetchesParts: Bool
  let holdsHints: Bool
  private(set) var asked: (segment: Int64, part: Int)?
  private var newest: ListedPlaylist.Part?
  private(set) var list: ListedPlaylist?
  /// Names of media to fetch, oldest first.
  private var wanted: [String] = []
  private var lastHint: String?
  private var hintAnswers: [(uri: String, at: UTCTime)] = []

  init(_ rendition: Rendition, _ options: Options) {
    self.rendition = rendition
    fetchesParts = options.fetchesParts
    holdsHints = options.holdsHints
  }

  /// Starts anew, as after a lost connection.
  func reset() {
    asked = nil
    newest = nil
    list = nil
    wanted = []
    lastHint = nil
    hintAnswers = []
  }

  /// The next playlist request: a plain one at first, then for the next part, and the next.
  func nextReload() -> String {
    guard let list else { return rendition.base + "media.m3u8" }
    let next = list.next
    asked = next
    return rendition.base + "media.m3u8?_HLS_msn=\(next.segment)&_HLS_part=\(next.part)"
  }

  /// The next media request; nil when nothing is to be fetched.
  func nextMedia() -> String? {
    wanted.isEmpty ? nil : rendition.base + wanted.removeFirst()
  }

  func tookMedia(_ uri: String, at utc: UTCTime) {
    if holdsHints { hintAnswers.append((uri, utc)) }
  }

  /// Takes a playlist and checks that it goes on where the last one stopped.
  func take(_ body: ArraySlice<UInt8>, at utc: UTCTime, _ figures: Figures) throws(Complaint) {
    let fresh = try rendition.read(body)
    defer {
      list = fresh
      newest = fresh.parts.last
    }
    guard let last = fresh.parts.last else { return }
    if let newest, let asked {
      guard fresh.satisfies(segment: asked.segment, part: asked.part) else {
        throw Complaint("the playlist lacks the part that was asked for")
      }
      guard last.start >= newest.start else { throw Complaint("the playlist went back") }
      let news = fresh.parts.drop { $0.start <= newest.start }
      guard let first = news.first else { throw Complaint("the playlist has nothing new") }
      if abs(first.start - rendition.end(of: newest)) > 1 { figures.missed += 1 }
      if news.count > 1 { figures.bunched += 1 }
      figures.note(latency: utc.microseconds - last.end.microseconds, at: utc)
      if news.count == 1 { rendition.note(last, at: utc) }
      if fetchesParts, !holdsHints { wanted += news.filter { !$0.isGap }.map(\.uri) }
    }
    guard holdsHints else { return }
    for part in fresh.parts {
      for answer in hintAnswers where answer.uri == part.uri {
        figures.hintLatencies.append(
          Int32(clamping: answer.at.microseconds - part.end.microseconds)
        )
      }
    }
    hintAnswers.removeAll { answer in fresh.parts.contains { $0.uri == answer.uri } }
    if let hint = fresh.hint, hint != lastHint {
      lastHint = hint
      wanted = [hint]
    }
  }
}
