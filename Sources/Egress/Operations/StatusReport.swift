internal import LinuxIO
internal import TLS
internal import Wire

/// Renders the state of the service for people, monitors and scrapers.
struct StatusReport {
  let metrics: Metrics
  let ingest: IngestReport
  /// Of those that HTTPS is served with.
  var certificates: [CertificateTerm] = []
  let utc: UTCTime

  /// Seconds between the machine's clock and the newest media, nil before there is any.
  private func edgeAge(_ track: IngestStatus.Track) -> Double? {
    track.edge.map { Double(utc.microseconds - $0.microseconds) / 1e6 }
  }

  /// The Prometheus text format, version 0.0.4.
  func prometheus() -> String {
    var text = ""
    func family(_ name: String, _ type: String, _ help: String, _ samples: [(String, Double)]) {
      text += "# HELP moq_egress_\(name) \(help)\n# TYPE moq_egress_\(name) \(type)\n"
      for (labels, value) in samples {
        let number =
          value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
        text += "moq_egress_\(name)\(labels) \(number)\n"
      }
    }
    func one(_ value: Int) -> [(String, Double)] { [("", Double(value))] }
    family(
      "build_info",
      "gauge",
      "1 for the version that runs.",
      [("{version=\"\(Service.version)\"}", 1)]
    )
    family(
      "responses_total",
      "counter",
      "Answers by class of status.",
      [
        ("{class=\"2xx\"}", Double(metrics.responses2xx.value)),
        ("{class=\"3xx\"}", Double(metrics.responses1xx3xx.value)),
        ("{class=\"4xx\"}", Double(metrics.responses4xx.value)),
        ("{class=\"5xx\"}", Double(metrics.responses5xx.value)),
      ]
    )
    family(
      "access_refused_total",
      "counter",
      "Requests without what they must show.",
      [
        ("{missing=\"token\"}", Double(metrics.refusedTokens.value)),
        ("{missing=\"secret\"}", Double(metrics.refusedSecrets.value)),
      ]
    )
    family(
      "address_refused_total",
      "counter",
      "Connections and requests refused because one address had too many.",
      [
        ("{of=\"connections\"}", Double(metrics.connectionsRefusedByAddress.value)),
        ("{of=\"requests\"}", Double(metrics.requestsTooEarly.value)),
      ]
    )
    family(
      "access_log_dropped_total",
      "counter",
      "Lines of the access log that were not written.",
      one(metrics.accessLinesDropped.value)
    )
    family("sent_bytes_total", "counter", "Bytes written to clients.", one(metrics.bytesSent.value))
    family("connections", "gauge", "Open client connections.", one(metrics.connectionsOpen.value))
    family(
      "connections_total",
      "counter",
      "Client connections accepted.",
      one(metrics.connectionsTotal.value)
    )
    family(
      "connections_refused_total",
      "counter",
      "Client connections refused at the limit.",
      one(metrics.connectionsRefused.value)
    )
    family(
      "slow_clients_total",
      "counter",
      "Connections closed because answers were not taken.",
      one(metrics.clientsTooSlow.value)
    )
    family(
      "timed_out_clients_total",
      "counter",
      "Connections closed because no request came, or not in time.",
      one(metrics.clientsTimedOut.value)
    )
    family(
      "refused_requests_total",
      "counter",
      "Requests that could not be read: malformed, too large or too late.",
      one(metrics.requestsRefused.value)
    )
    family(
      "tls_handshakes_total",
      "counter",
      "Encrypted sessions that came about.",
      one(metrics.tlsHandshakes.value)
    )
    family(
      "tls_resumptions_total",
      "counter",
      "Those among them that went on from an earlier one.",
      one(metrics.tlsResumptions.value)
    )
    family(
      "tls_failures_total",
      "counter",
      "Encrypted sessions that failed or broke.",
      one(metrics.tlsFailures.value)
    )
    family(
      "certificate_end_seconds",
      "gauge",
      "Unix time at which a certificate of HTTPS ends.",
      certificates.map {
        ("{certificate=\"\(escaped($0.origin))\"}", Double($0.end.microseconds) / 1e6)
      }
    )
    family(
      "reloads_total",
      "counter",
      "Times that configuration, certificates and secrets were to be read again, by what became of it.",
      [
        ("{result=\"used\"}", Double(metrics.reloads.value)),
        ("{result=\"refused\"}", Double(metrics.reloadsRefused.value)),
      ]
    )
    family("parked", "gauge", "Requests that wait for media.", one(metrics.parked.value))
    family(
      "parked_total",
      "counter",
      "Requests that had to wait for media.",
      one(metrics.parkedTotal.value)
    )
    family(
      "parked_refused_total",
      "counter",
      "Requests refused because too many waited.",
      one(metrics.parkedRefused.value)
    )
    family(
      "parked_expired_total",
      "counter",
      "Requests that waited in vain.",
      one(metrics.parkedExpired.value)
    )
    family(
      "resident_bytes",
      "gauge",
      "Resident memory of the process.",
      one(ProcessUsage.residentBytes)
    )
    family(
      "cpu_seconds_total",
      "counter",
      "User and system time of the process.",
      [("", Double(ProcessUsage.cpuMicroseconds) / 1e6)]
    )

    func broadcasts(_ value: (IngestStatus) -> Double) -> [(String, Double)] {
      ingest.broadcasts.map { ("{broadcast=\"\(escaped($0.broadcast))\"}", value($0)) }
    }
    family(
      "broadcast_live",
      "gauge",
      "1 while media of the broadcast arrives.",
      broadcasts { $0.phase == .live ? 1 : 0 }
    )
    family(
      "broadcast_sessions",
      "gauge",
      "Sessions that deliver the broadcast now.",
      broadcasts { Double($0.legs) }
    )
    family(
      "upstreams",
      "gauge",
      "Connections to upstreams; draft and transport are none before there is a session.",
      Dictionary(grouping: ingest.upstreams) { upstream in
        "{draft=\"\(upstream.draft.map(String.init) ?? "none")\","
          + "transport=\"\(upstream.transport?.rawValue ?? "none")\"}"
      }.map { ($0.key, Double($0.value.count)) }.sorted { $0.0 < $1.0 }
    )
    family(
      "sessions_total",
      "counter",
      "MoQ sessions begun.",
      broadcasts { Double($0.sessions) }
    )

    family(
      "session_info",
      "gauge",
      "1 for the session that there is, with its draft and transport.",
      ingest.broadcasts.compactMap { status in
        guard let draft = status.draft, let transport = status.transport else { return nil }
        return (
          "{broadcast=\"\(escaped(status.broadcast))\",draft=\"\(draft)\","
            + "transport=\"\(transport.rawValue)\"}", 1
        )
      }
    )

    func tracks(_ value: (IngestStatus.Track) -> Double?) -> [(String, Double)] {
      ingest.broadcasts.flatMap { status in
        status.tracks.compactMap { track in
          value(track).map {
            (
              "{broadcast=\"\(escaped(status.broadcast))\",track=\"\(escaped(track.name))\"}", $0
            )
          }
        }
      }
    }
    family("groups_total", "counter", "Groups begun.", tracks { Double($0.groups) })
    family("objects_total", "counter", "Objects received.", tracks { Double($0.objects) })
    family("object_bytes_total", "counter", "Payload received.", tracks { Double($0.bytes) })
    family(
      "malformed_objects_total",
      "counter",
      "Objects that could not be read.",
      tracks { Double($0.malformed) }
    )
    family(
      "late_objects_total",
      "counter",
      "Objects that came after their place was given up.",
      tracks { Double($0.late) }
    )
    family(
      "duplicate_objects_total",
      "counter",
      "Objects received twice.",
      tracks { Double($0.duplicate) }
    )
    family(
      "holes_total",
      "counter",
      "Times that objects were given up as lost.",
      tracks { Double($0.holes) }
    )
    family(
      "concealed_frames_total",
      "counter",
      "Lost frames of sound that a copy of the one before stands in for.",
      tracks { Double($0.concealed) }
    )
    family(
      "cut_segments_total",
      "counter",
      "Segments larger than a quarter of packaging.window-megabytes, whose rest was dropped.",
      tracks { Double($0.cutSegments) }
    )
    family(
      "repair_fetches_total",
      "counter",
      "FETCHes for missing objects.",
      tracks { Double($0.repairs) }
    )
    family(
      "repaired_objects_total",
      "counter",
      "Missing objects that a FETCH brought.",
      tracks { Double($0.repaired) }
    )
    family("held_bytes", "gauge", "Media held.", tracks { Double($0.heldBytes) })
    family(
      "edge_age_seconds",
      "gauge",
      "Clock minus the end of the newest published media.",
      tracks(edgeAge)
    )
    return text
  }

  /// The same for people and scripts.
  func json() -> String {
    let requests =
      "{\"2xx\":\(metrics.responses2xx.value),\"3xx\":\(metrics.responses1xx3xx.value),"
      + "\"4xx\":\(metrics.responses4xx.value),\"5xx\":\(metrics.responses5xx.value)}"
    let broadcasts = ingest.broadcasts.map { status in
      let tracks = status.tracks.map { track in
        "{\"name\":\(quoted(track.name)),\"kind\":\(quoted(track.kind)),"
          + "\"codec\":\(quoted(track.codec)),\"groups\":\(track.groups),"
          + "\"objects\":\(track.objects),\"bytes\":\(track.bytes),"
          + "\"malformed\":\(track.malformed),\"late\":\(track.late),"
          + "\"duplicate\":\(track.duplicate),\"lost\":\(track.holes),"
          + "\"concealed\":\(track.concealed),\"cut\":\(track.cutSegments),"
          + "\"repairs\":\(track.repairs),\"repaired\":\(track.repaired),"
          + "\"heldBytes\":\(track.heldBytes),\"stalled\":\(track.isStalled),"
          + "\"edgeAgeSeconds\":\(edgeAge(track).map { String($0) } ?? "null")}"
      }
      return
        "{\"broadcast\":\(quoted(status.broadcast)),\"state\":\(quoted(status.phase.rawValue)),"
        + "\"upstream\":\(quoted(status.upstream)),"
        + "\"draft\":\(status.draft.map(String.init) ?? "null"),"
        + "\"transport\":\(status.transport.map { quoted($0.rawValue) } ?? "null"),"
        + "\"sessions\":\(status.sessions),"
        + "\"liveSessions\":\(status.legs),"
        + "\"lastError\":\(quoted(status.lastError)),\"tracks\":[\(tracks.joined(separator: ","))]}"
    }
    let upstreams = ingest.upstreams.map { upstream in
      "{\"url\":\(quoted(upstream.url)),\"connected\":\(upstream.isConnected),"
        + "\"draft\":\(upstream.draft.map(String.init) ?? "null"),"
        + "\"transport\":\(upstream.transport.map { quoted($0.rawValue) } ?? "null"),"
        + "\"broadcasts\":\(upstream.broadcasts)}"
    }
    let unready = ingest.unready.map(quoted).joined(separator: ",")
    return "{\"version\":\(quoted(Service.version)),\"ready\":\(ingest.isReady),"
      + "\"unready\":[\(unready)],\"connections\":\(metrics.connectionsOpen.value),"
      + "\"parked\":\(metrics.parked.value),\"responses\":\(requests),"
      + "\"bytesSent\":\(metrics.bytesSent.value),"
      + "\"residentBytes\":\(ProcessUsage.residentBytes),"
      + "\"cpuSeconds\":\(Double(ProcessUsage.cpuMicroseconds) / 1e6),"
      + "\"upstreams\":[\(upstreams.joined(separator: ","))],"
      + "\"broadcasts\":[\(broadcasts.joined(separator: ","))]}\n"
  }

  /// A label value: backslash, quote and line feed escaped.
  private func escaped(_ text: String) -> String {
    text.map { character in
      switch character {
      case "\\": "\\\\"
      case "\"": "\\\""
      case "\n": "\\n"
      default: String(character)
      }
    }.joined()
  }

  /// A JSON string.
  private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
