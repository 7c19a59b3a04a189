internal import LinuxIO
package import Logging
internal import MoQ
internal import QUIC
internal import Synchronization
package import Wire

/// Looping broadcasts that run on a thread of their own.
package final class Publication {
  /// What to publish.
  package struct Options: Sendable {
    package var namespace = ""
    package var namespaceSeparator = "/"
    /// 0 for every draft.
    package var draft = 0
    package var transport = TransportChoice.auto
    package var packaging = PublishPackaging.cmaf
    /// How often to publish the same, with a number for a further field of the namespace; 1 without.
    package var copies = 1
    /// Names and contents of fragmented MP4 files.
    package var files: [(name: String, content: Bytes)] = []

    package init() {}
  }

  /// How an origin proves who it is.
  package enum Certificate: Sendable {
    case selfSigned
    case files(certificate: String, key: String)
  }

  private let mailbox: Mailbox<PublishMessage>
  private let thread: LoopThread
  /// Where an origin listens; nil for a relay's client.
  package let address: SocketAddress?
  /// SHA-256 of an origin's certificate; nil for a relay's client.
  package let fingerprint: Bytes?

  /// Starts an origin that subscribers dial.
  package init(
    _ options: Options,
    listen: SocketAddress,
    certificate: Certificate,
    logger: Logger
  ) throws {
    let offer = ProtocolOffer(
      drafts: SpokenDrafts.offered(options.draft),
      choice: options.transport
    )
    let credentials = try Self.credentials(certificate)
    let mailbox = try Mailbox<PublishMessage>()
    self.mailbox = mailbox
    let result = OriginResult()
    thread = try LoopThread(
      name: "publish",
      making: {
        let socket = try UDPSocket(local: listen)
        let local = try socket.localAddress()
        let serving = try credentials.make()
        var settings = QUICConfiguration()
        // Each subscription of draft 18 and later keeps a stream.
        settings.maxRemoteBidirectionalStreams = 4096
        let endpoint = try ServerEndpoint(
          configuration: settings,
          credentials: serving,
          alpn: offer.alpn,
          local: local
        )
        let loop = try PublishLoop(
          broadcasts: try Self.broadcasts(options),
          offer: offer,
          role: .origin(endpoint),
          socket: socket,
          mailbox: mailbox,
          logger: logger
        )
        result.value = (local, serving.fingerprint)
        return { loop.run() }
      }
    )
    address = result.value?.0
    fingerprint = result.value?.1
  }

  /// Starts a client that publishes into a relay, and goes on trying.
  package init(
    _ options: Options,
    relay: String,
    trust: Configuration.Trust,
    logger: Logger
  ) throws {
    let url = try UpstreamURL(relay, transport: options.transport)
    let offer = ProtocolOffer(
      drafts: SpokenDrafts.offered(options.draft),
      choice: url.transport
    )
    let mailbox = try Mailbox<PublishMessage>()
    self.mailbox = mailbox
    thread = try LoopThread(
      name: "publish",
      making: {
        let loop = try PublishLoop(
          broadcasts: try Self.broadcasts(options),
          offer: offer,
          role: .relay(url, try ClientCredentials(trust)),
          socket: nil,
          mailbox: mailbox,
          logger: logger
        )
        return { loop.run() }
      }
    )
    address = nil
    fingerprint = nil
  }

  /// Ends the broadcasts and waits for the thread.
  package func stop() {
    mailbox.post(.stop)
    thread.join()
  }

  private static func broadcasts(_ options: Options) throws -> [LoopingBroadcast] {
    var upstream = Configuration.Upstream()
    upstream.namespace = options.namespace
    upstream.namespaceSeparator = options.namespaceSeparator
    let namespace = try upstream.trackNamespace()
    let store = BroadcastStore()
    return try (0..<options.copies).map { index in
      try LoopingBroadcast(
        namespace: options.copies == 1
          ? namespace : namespace.appending(TrackNamespace([Bytes(utf8: String(index))])),
        files: options.files,
        packaging: options.packaging,
        store: store
      )
    }
  }

  /// What a thread needs to make credentials of: they can't cross threads themselves.
  private enum Identity: Sendable {
    case selfSigned(SelfSignedCertificate)
    case files(certificate: String, key: String)

    func make() throws(QUICError) -> ServerCredentials {
      switch self {
      case .selfSigned(let certificate): try ServerCredentials(certificate)
      case .files(let certificate, let key):
        try ServerCredentials(certificateFile: certificate, keyFile: key)
      }
    }
  }

  private static func credentials(_ certificate: Certificate) throws(QUICError) -> Identity {
    switch certificate {
    case .selfSigned:
      .selfSigned(
        try SelfSignedCertificate(names: ["localhost", "127.0.0.1", "::1"], notBefore: Clock.utc)
      )
    case .files(let certificate, let key): .files(certificate: certificate, key: key)
    }
  }

  private final class OriginResult: Sendable {
    private let stored = Mutex<(SocketAddress, Bytes)?>(nil)
    var value: (SocketAddress, Bytes)? {
      get { stored.withLock { $0 } }
      set { stored.withLock { $0 = newValue } }
    }
  }
}
