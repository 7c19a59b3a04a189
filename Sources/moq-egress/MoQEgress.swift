import ArgumentParser
import Egress
import LinuxIO

@main
struct MoQEgress: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "moq-egress",
    abstract: "Serves Media-over-QUIC broadcasts as LL-HLS and DASH: the origin behind your CDN.",
    version: Service.version,
    subcommands: [
      Serve.self, Demo.self, Publish.self, ProbeCommand.self, Record.self, ReplayCommand.self,
      Check.self, CheckConfig.self, SignURL.self,
    ]
  )

  static func main() {
    StandardStreams.ensure()
    main(nil)
  }
}
