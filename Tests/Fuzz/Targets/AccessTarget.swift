import Egress
import HTTP
import Wire

private let keys: KeyRing? = try? KeyRing(Bytes(utf8: "k:a key that no input can know"))

/// Reads the input as a token, which nobody has signed, and as the fields of proxies.
func fuzzAccess(_ bytes: Bytes) {
  if let token = try? AccessToken(bytes), let keys {
    let isTaken = (try? token.check([Bytes](), keys, now: UTCTime(microseconds: 0))) != nil
    precondition(!isTaken, "a token that nobody has signed gives no access")
  }
  let now = Instant(nanoseconds: 0)
  let line = bytes.slice.filter { $0 >= 0x20 }
  var connection = ServerConnection(ServerConfiguration(), now: now)
  for text in [
    "GET / HTTP/1.1\r\nHost: h\r\nForwarded: ", "\r\nX-Forwarded-For: ", "\r\nX-Forwarded-Host: ",
  ] { connection.receive(Bytes(Array(text.utf8) + line), now: now) }
  connection.receive(Bytes(utf8: "\r\n\r\n"), now: now)
  let date = HTTPDate(UTCTime(microseconds: 0))
  guard let (_, head) = connection.poll(now: now, date: date),
    let proxies = try? TrustedProxies("10.0.0.0/8")
  else { return }
  for fields in Viewer.Fields.allCases {
    let viewer = Viewer(head, peer: [10, 0, 0, 1], proxies, fields)
    precondition([4, 16].contains(viewer.address?.count ?? 0), "an address is one")
    let stranger = Viewer(head, peer: [9, 9, 9, 9], proxies, fields)
    precondition(stranger.address == [9, 9, 9, 9], "a stranger is who connects")
    precondition(stranger.host == nil && stranger.scheme == nil, "and is believed nothing")
  }
}
