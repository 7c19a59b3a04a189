import MoQ
import Wire

private func draft(_ byte: UInt8) -> Draft {
  Draft.allCases[Int(byte) % Draft.allCases.count]
}

/// Reads control messages of a draft, at once and byte by byte; what can be read can be written and
/// reads back as itself.
func fuzzControl(_ bytes: Bytes) {
  var script = Script(bytes)
  let draft = draft(script.byte())
  let stream = script.rest()
  let (messages, isWhole) = readControl([stream], draft)
  let (pieces, isWholeInPieces) = readControl(stream.slice.map { [$0] }, draft)
  precondition(messages == pieces && isWhole == isWholeInPieces, "cuts change nothing")
  for message in messages {
    let (again, _) = readControl([message.encode(for: draft)], draft)
    precondition(again.count == 1, "what was read can be written: \(message)")
    let (third, _) = readControl([again[0].encode(for: draft)], draft)
    precondition(third == again, "what was written reads back as itself: \(again)")
  }
}

private func readControl(_ pieces: [Bytes], _ draft: Draft) -> ([ControlMessage], Bool) {
  var decoder = ControlDecoder(draft: draft)
  var messages: [ControlMessage] = []
  for piece in pieces {
    decoder.receive(piece)
    do {
      while let message = try decoder.next() { messages.append(message) }
    } catch {
      return (messages, false)
    }
  }
  return (messages, true)
}

/// Reads a data stream or a datagram of a draft; how a stream is cut changes nothing.
func fuzzObjects(_ bytes: Bytes) {
  var script = Script(bytes)
  let selector = script.byte()
  let draft = draft(selector)
  let isDescending = selector & 0x80 != 0
  let stream = script.rest()
  if let datagram = try? ObjectDatagram.decode(stream, draft: draft) {
    let again = try? ObjectDatagram.decode(datagram.encode(for: draft), draft: draft)
    precondition(again == .some(datagram), "a datagram reads back as itself: \(datagram)")
  }
  let limits = ObjectLimits(payloadBytes: 1 << 16, propertyBytes: 1 << 10)
  var reader = DraftReader(stream, draft: draft)
  if case .subgroup(let header)? = try? StreamHeader.decode(&reader) {
    let body = stream.suffix(from: stream.count - reader.remaining)
    func read(_ pieces: [Bytes]) -> ([Object], DataStreamError?) {
      var decoder = SubgroupDecoder(header: header, draft: draft, limits: limits)
      var objects: [Object] = []
      for piece in pieces {
        decoder.receive(piece)
        do throws(DataStreamError) {
          while let object = try decoder.next() { objects.append(object) }
        } catch {
          return (objects, error)
        }
      }
      return (objects, nil)
    }
    let whole = read([body])
    precondition(whole == read(body.slice.map { [$0] }), "cuts change nothing")
    var encoder = SubgroupEncoder(header: header, draft: draft)
    for object in whole.0 { _ = encoder.encode(object) }
  }
  func readFetch(_ pieces: [Bytes]) -> ([FetchItem], DataStreamError?) {
    var decoder = FetchDecoder(draft: draft, isDescending: isDescending, limits: limits)
    var items: [FetchItem] = []
    for piece in pieces {
      decoder.receive(piece)
      do throws(DataStreamError) {
        while let item = try decoder.next() { items.append(item) }
      } catch {
        return (items, error)
      }
    }
    return (items, nil)
  }
  precondition(readFetch([stream]) == readFetch(stream.slice.map { [$0] }), "cuts change nothing")
}
