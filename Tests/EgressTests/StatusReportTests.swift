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

  @Test func `without a session there is nothing to name`() {
    let none = report(nil)
    #expect(none.json().contains(#""transport":null,"#))
    #expect(!none.prometheus().contains("session_info{"))
  }
}
