import LinuxIO
import Wire

/// Gets one thing and waits for it; for what comes before and after the run.
func fetch(_ path: String, from server: SocketAddress) throws -> [UInt8] {
  let loop = try EventLoop()
  let deadline = Clock.now + .seconds(10)
  let link = try Link(to: server, player: 0, .playlist, loop, now: Clock.now)
  var buffer = [UInt8](repeating: 0, count: 65_536)
  var outcome: Result<HTTPAnswer, Complaint>?
  while outcome == nil {
    guard Clock.now < deadline else { throw Complaint("\(path): no answer in 10 s") }
    try loop.wait(until: deadline) { _, _ in
      do throws(Complaint) {
        if link.isConnecting {
          try link.connected(loop)
          try link.ask(path, "\(server)", now: Clock.now)
        } else if let answer = try link.read(into: &buffer) {
          outcome = .success(answer)
        }
      } catch {
        outcome = .failure(Complaint("\(path): \(error)"))
      }
    }
  }
  guard let answer = try outcome?.get(), answer.status == 200 else {
    throw Complaint("\(path): status is not 200")
  }
  return Array(answer.body)
}

/// Finds the renditions of a multivariant playlist, and what their ticks mean.
func findRenditions(_ options: Options) throws -> [Rendition] {
  let folder = String(
    options.path.prefix(through: options.path.lastIndex(of: "/") ?? options.path.startIndex)
  )
  let text = String(decoding: try fetch(options.path, from: options.server), as: UTF8.self)
  var paths: [String] = []
  for line in text.split(separator: "\n") {
    if line.hasPrefix("#EXT-X-MEDIA:"), let uri = ListedPlaylist.quoted("URI", in: line) {
      paths.append(uri)
    } else if !line.hasPrefix("#") {
      paths.append(String(line))
    }
  }
  return try paths.map { path in
    let base = folder + path.prefix(path.count - "media.m3u8".count)
    let list = try ListedPlaylist(fetch(folder + path, from: options.server)[...])
    guard let name = list.initSegment else { throw Complaint("\(path) names no init segment") }
    let header = try fetch(base + name, from: options.server)
    guard let timescale = timescale(header) else { throw Complaint("\(name) has no mdhd") }
    return Rendition(name: path, base: base, timescale: timescale)
  }
}

/// The timescale of a header's only mdhd.
///
/// ISO/IEC 14496-12 §8.4.2.
private func timescale(_ header: [UInt8]) -> Int64? {
  guard let type = header.firstRange(of: Array("mdhd".utf8))?.upperBound, header.count > type + 24
  else { return nil }
  let field = type + (header[type] == 1 ? 20 : 12)
  return header[field..<(field + 4)].reduce(0) { $0 << 8 | Int64($1) }
}
