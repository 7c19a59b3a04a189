import MoQ
import Testing
import Wire

/// Compares what a vector names with what was decoded.
func checkFields(_ message: ControlMessage, _ vector: Vector) {
  let known = KnownFields(message, vector.draft)
  guard case .object(let members) = vector.fields else { return }
  for (key, value) in members where value != .null {
    let expected = vector.expectation(key)
    #expect(known.values[key] == expected, "field \(key)")
  }
}

extension Vector {
  /// A field of the vector in the form that `KnownFields` gives it.
  func expectation(_ key: String) -> String {
    if let code = code(key), key != "filter" { return "\(code)" }
    if let location = location(key), key != "namespace", key != "prefix", key != "suffix",
      key != "versions"
    {
      return "\(location)"
    }
    switch key {
    case "namespace", "prefix", "suffix": return namespace(key).map { "\($0)" } ?? ""
    case "versions": return "ff00000e"
    case "selected_version": return "ff00000e"
    case "token": return "0 secret"
    case "redirect": return "moqt://b.example/x live-cam1--video"
    case "filter": return filterText
    case "fill": return "relative(groups: 1)"
    case "track_properties":
      guard case .object(let members)? = fields[key] else { return "" }
      return members.isEmpty ? "" : "14=64 34=1"
    case "group_order" where text(key) != nil: return "1"
    default: break
    }
    if let integer = integer(key) { return "\(integer)" }
    return text(key) ?? ""
  }

  private var filterText: String {
    let start = Location(group: 100, object: 0)
    let filter: LocationFilter? =
      switch text("filter") {
      case "NextGroupStart": .nextGroup
      case "LargestObject/NextObject", "NextObject", "LargestObject(2)": .nextObject
      case "AbsoluteStart {100,0}": .start(start)
      case "AbsoluteRange {100,0}..group 110": .groups(start: start, endGroup: 110)
      case "Relative StartGroup=3": .relative(groups: 3)
      case "Absolute {100,0}..{110,4}":
        .range(start: start, end: Location(group: 110, object: 4))
      default: integer("filter") == 2 ? .nextObject : nil
      }
    return filter.map { "\($0)" } ?? "?"
  }
}

/// The fields of a message under the names that the vectors use, rendered as text.
struct KnownFields {
  private(set) var values: [String: String] = [:]

  init(_ message: ControlMessage, _ draft: Draft) {
    switch message {
    case .setup(let setup):
      if setup.sender == .client {
        values["versions"] = setup.versions.map { String($0, radix: 16) }.joined()
      } else {
        values["selected_version"] = setup.versions.map { String($0, radix: 16) }.joined()
      }
      values["PATH(0x1)"] = setup.options.bytes(1)?.text
      values["MAX_REQUEST_ID(0x2)"] = setup.options.integer(2).map { "\($0)" }
      values["AUTHORITY(0x5)"] = setup.options.bytes(5)?.text
      values["MAX_FILTER_RANGES(0x6)"] = setup.options.integer(6).map { "\($0)" }
      values["IMPLEMENTATION(0x7)"] = setup.options.bytes(7)?.text
      values["MAX_REQUEST_UPDATES(0x8)"] = setup.options.integer(8).map { "\($0)" }
    case .subscribe(let message), .trackStatus(let message):
      set(message.requestID, message.track)
      set(message.parameters)
    case .subscribeOK(let message), .trackStatusOK(let message):
      values["request_id"] = message.requestID.map { "\($0)" }
      values["track_alias"] = "\(message.trackAlias)"
      values["track_properties"] = message.trackProperties.pairs.pairs.map { pair in
        if case .integer(let value) = pair.value { "\(pair.type)=\(value)" } else { "?" }
      }.joined(separator: " ")
      set(message.parameters)
    case .requestError(let message):
      values["request_id"] = message.requestID.map { "\($0)" }
      values["code"] = "\(message.code)"
      values["retry_interval"] = "\(message.retryInterval)"
      values["reason"] = message.reason
      values["redirect"] = message.redirect.map { "\($0.uri) \($0.track)" }
    case .requestOK(let message): values["request_id"] = message.requestID.map { "\($0)" }
    case .requestUpdate(let message):
      values["request_id"] = "\(message.requestID)"
      values["existing_request_id"] = message.existingRequestID.map { "\($0)" }
      values["subscription_request_id"] = message.existingRequestID.map { "\($0)" }
      set(message.parameters)
      if case .start(let start)? = message.parameters.filter {
        values["start"] = "\(start)"
        values["end_group_plus1"] = "0"
      }
    case .unsubscribe(let id), .fetchCancel(let id): values["request_id"] = "\(id)"
    case .publishDone(let message):
      values["request_id"] = message.requestID.map { "\($0)" }
      values["status"] = "\(message.status)"
      values["stream_count"] = "\(message.streamCount)"
      values["reason"] = message.reason
    case .publishStateNotify(let parameters): set(parameters)
    case .fetch(let message): set(message)
    case .fetchOK(let message):
      values["request_id"] = message.requestID.map { "\($0)" }
      values["end_of_track"] = message.isEndOfTrack ? "1" : "0"
      values["end"] = "\(message.end)"
      values["end_on_wire"] = "\(message.end)"
      set(message.parameters)
    case .publish(let message):
      set(message.requestID, message.track)
      values["track_alias"] = "\(message.trackAlias)"
      set(message.parameters)
    case .publishOK(let message):
      values["request_id"] = "\(message.requestID)"
      set(message.parameters)
    case .publishNamespace(let message):
      values["request_id"] = "\(message.requestID)"
      values["namespace"] = "\(message.namespace)"
    case .subscribeNamespace(let message), .subscribeTracks(let message):
      values["request_id"] = "\(message.requestID)"
      values["prefix"] = "\(message.prefix)"
      values["subscribe_options"] = message.options.map { "\($0)" }
      set(message.parameters)
    case .namespace(let suffix), .namespaceDone(let suffix): values["suffix"] = "\(suffix)"
    case .publishBlocked(let message):
      values["suffix"] = "\(message.suffix)"
      values["track_name"] = message.name.text
    case .goAway(let message):
      values["new_session_uri"] = message.uri
      values["timeout_ms"] = message.timeoutMilliseconds.map { "\($0)" }
      values["request_id"] = message.requestID.map { "\($0)" }
    case .maximumRequestID(let value): values["max_request_id"] = "\(value)"
    case .requestsBlocked(let value): values["maximum_request_id"] = "\(value)"
    case .publishNamespaceDone, .publishNamespaceCancel, .unsubscribeNamespace: break
    }
  }

  private mutating func set(_ requestID: UInt64, _ track: FullTrackName) {
    values["request_id"] = "\(requestID)"
    values["namespace"] = "\(track.namespace)"
    values["track_name"] = track.name.text
  }

  private mutating func set(_ parameters: Parameters) {
    if let token = parameters.token, case .useValue(let type, let value) = token {
      values["token"] = "\(type) \(value.text)"
    }
    values["subscriber_priority"] = parameters.subscriberPriority.map { "\($0)" }
    values["priority"] = values["subscriber_priority"]
    values["group_order"] = parameters.groupOrder.map { "\($0.rawValue)" }
    values["forward"] = parameters.forward.map { $0 ? "1" : "0" }
    values["FORWARD(0x10)"] = values["forward"]
    values["filter"] = parameters.filter.map { "\($0)" }
    values["fill"] = parameters.fill?.filter.map { "\($0)" }
    values["expires"] = parameters.expiresMilliseconds.map { "\($0)" }
    values["EXPIRES(0x8)"] = values["expires"]
    values["largest"] = parameters.largestObject.map { "\($0)" }
    values["content_exists"] = parameters.largestObject == nil ? "0" : "1"
    values["LARGEST_OBJECT(0x9)"] = values["largest"]
  }

  private mutating func set(_ message: Fetch) {
    values["request_id"] = "\(message.requestID)"
    set(message.parameters)
    switch message.range {
    case .standalone(let track, let start, let end):
      set(message.requestID, track)
      values["start"] = "\(start)"
      values["end_on_wire"] = "\(end)"
    case .relativeJoining(let id, let groups):
      values["fetch_type"] = "2"
      values["joining_request_id"] = "\(id)"
      values["joining_start"] = "\(groups)"
    case .absoluteJoining(let id, let group):
      values["fetch_type"] = "3"
      values["joining_request_id"] = "\(id)"
      values["joining_start"] = "\(group)"
    case .filtered(let track):
      set(message.requestID, track)
      if case .range(let start, let end)? = message.parameters.filter {
        values["start"] = "\(start)"
        values["end_on_wire"] = "\(end)"
      }
    }
  }
}

func checkSubgroup(_ header: SubgroupHeader, _ objects: [Object], _ vector: Vector) {
  #expect(header.trackAlias == vector.integer("track_alias"))
  #expect(header.group == vector.integer("group"))
  let priority = vector.integer("priority").map { UInt8($0) }
  #expect(header.priority == priority)
  let subgroup = vector.integer("subgroup") ?? 2
  let expected = (vector.fields["objects"]?.elements ?? []).map { entry -> Object in
    let parts = entry.elements ?? []
    var object = Object(
      group: header.group,
      id: 0,
      subgroup: subgroup,
      priority: priority ?? 128
    )
    if case .integer(let id)? = parts.first { object.id = UInt64(id) }
    if parts.count > 1, case .string(let text) = parts[1] {
      if text.hasPrefix("status") {
        object.status = .endOfGroup
      } else {
        object.payload = Bytes(utf8: text)
      }
    }
    if parts.count > 2, case .object(let members) = parts[2], !members.isEmpty {
      var pairs = KeyValuePairs()
      pairs.append(4, 2_186_796_243)
      pairs.append(77, Bytes(utf8: "traceID:123456"))
      object.properties = Properties(pairs)
    }
    return object
  }
  #expect(objects == expected)
}
