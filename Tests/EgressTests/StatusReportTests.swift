import TLS
import Testing
import Wire

@testable import Egress

@Suite struct StatusReportTests {
  private func report(_ transport: TransportKind?) -> StatusReport {
    var status = IngestStatus()
    status.broadcast = "live/\"a\""
    status.draft = 18
    status.transport = transport
    return StatusReport(
      metrics: Metrics(),
      ingest: IngestReport(broadcasts: [status]),
      utc: UTCTime(microseconds: 0)
    )
  }

  @Test func `what a session runs on stands beside its draft`() {
    let web = report(.webTransport)
    #expect(web.json().contains(#""draft":18,"transport":"webtransport","#))
    #expect(
      web.prometheus().contains(
        #"moq_egress_session_info{broadcast="live/\"a\"",draft="18",transport="webtransport"} 1"#
          + "\n"
      )
    )
    #expect(report(.quic).json().contains(#""transport":"quic","#))
  }

  @Test func `certificates and reloads are told, and why nothing is ready`() {
    let metrics = Metrics()
    metrics.reloads.increment(by: 2)
    metrics.reloadsRefused.increment()
    let report = StatusReport(
      metrics: metrics,
      ingest: IngestReport(unready: ["live/a is connecting"]),
      certificates: [
        CertificateTerm(origin: "a.pem:a.key", end: UTCTime(microseconds: 4_949_285_514_000_000))
      ],
      utc: UTCTime(microseconds: 0)
    )
    let text = report.prometheus()
    for line in [
      #"moq_egress_certificate_end_seconds{certificate="a.pem:a.key"} 4949285514"#,
      #"moq_egress_reloads_total{result="used"} 2"#,
      #"moq_egress_reloads_total{result="refused"} 1"#,
      "moq_egress_build_info{version=\"\(Service.version)\"} 1",
    ] { #expect(text.contains(line + "\n"), "\(line)") }
    #expect(
      report.json().hasPrefix(
        "{\"version\":\"\(Service.version)\",\"ready\":false,"
          + "\"unready\":[\"live/a is connecting\"],"
      )
    )
  }

  @Test func `without a session there is nothing to name`() {
    let none = report(nil)
    #expect(none.json().contains(#""transport":null,"#))
    #expect(!none.prometheus().contains("session_info{"))
  }
}
