import Wire

/// What the command line asks for.
struct Options {
  enum Mode: String {
    /// LL-HLS players follow a broadcast.
    case players
    /// Every connection asks for the same again as soon as it has its answer.
    case rate
    /// Every connection has one answer and stays.
    case hold
    /// Every connection waits for the next part of one of the playlists, again and again.
    case release
    /// Every connection asks for the same once a second.
    case ask
    /// Heads that don't end, and answers that nobody reads.
    case attack
    /// Nothing is asked of a server: what waking three threads one after the other takes.
    case wakes
  }

  var mode = Mode.players
  var server = SocketAddress.loopback(port: 8080)
  /// The multivariant playlist's path.
  var path = "/demo/index.m3u8"
  /// All paths that were named; of several, playlists whose parts are waited for.
  var paths: [String] = []
  var clients = 2000
  var seconds: Int64 = 120
  /// Connections begun a second.
  var ramp = 500
  /// Each new part is fetched too.
  var fetchesParts = false
  /// The hinted part is asked for before it exists.
  var holdsHints = false
  /// Clients break off at random and come again.
  var churns = false
  /// The server's process, to watch what it costs.
  var process: Int?
  var seed: UInt64 = 1
  /// Parts that are waited for.
  var rounds = 10
  /// Connections that are held wait for their answer.
  var isWaiting = false
  /// Where datagrams for the publisher of each path come, and the publisher.
  var relays: [(at: SocketAddress, to: SocketAddress)] = []
  /// Attackers whose heads don't end, and those that read nothing.
  var slow = 1000
  var deaf = 1000
  /// Milliseconds that each relay delays media more than the one before it.
  var spread: Int64 = 0

  static let usage = """
    usage: moq-egress-load [players] --server ADDRESS:PORT [options]
      --path PATH       multivariant playlist (default /demo/index.m3u8)
      --clients N       LL-HLS clients, spread over all renditions (default 2000)
      --seconds N       length of the run (default 120)
      --ramp N          connections begun a second (default 500)
      --parts           fetch each new part as well, on a second connection
      --hints           ask for the hinted part and hold the request, on a second connection
      --churn           break off at random, also in the middle of requests, and come again
      --pid PID         the server's process: its CPU time, memory and descriptors are reported
      --seed N          of the random choices of --churn (default 1)
    usage: moq-egress-load rate|hold|release --server ADDRESS:PORT --path PATH [options]
      rate: ask again and again; hold: ask once and stay; release: wait for the next part of the
      media playlists PATH, of which there may be several, with equal numbers of clients
      --clients N       connections
      --seconds N       length of a rate run
      --waiting         hold: what is asked for does not come
      --rounds N        parts that are waited for (default 10)
      --relay ADDRESS:PORT=ADDRESS:PORT
                        hand datagrams on between who dials the first and the second: latency counts
                        from the last one of media that was handed on; one for each path, or one for all
      --spread MS       each relay delays media so much more than the one before it
    usage: moq-egress-load ask --server ADDRESS:PORT --path PATH [--clients N] [--seconds N]
      each connection asks once a second, evenly; latencies of SECONDS after the first one
    usage: moq-egress-load attack --server ADDRESS:PORT --path PATH [--slow N] [--deaf N]
      until it is asked to end: SLOW heads of which a byte comes twice a second, and DEAF clients that
      ask sixteen times for one of the PATHs and read nothing; who is cut comes again
    usage: moq-egress-load wakes [--rounds N]
      from a datagram over two threads to the answer on a connection, with nothing done between

    """

  /// Reads arguments; the error is a sentence.
  init(_ arguments: [String]) throws(Complaint) {
    var rest = arguments[...]
    if let name = rest.first, let mode = Mode(rawValue: name) {
      self.mode = mode
      rest.removeFirst()
    }
    func value(_ name: String) throws(Complaint) -> String {
      guard let text = rest.popFirst() else { throw Complaint("\(name) needs a value") }
      return text
    }
    func count<Number: FixedWidthInteger>(_ name: String) throws(Complaint) -> Number {
      let text = try value(name)
      guard let number = Number(text), number > 0 else {
        throw Complaint("\(name) is a whole number above 0, not \(text)")
      }
      return number
    }
    func address(_ text: String, _ name: String) throws(Complaint) -> SocketAddress {
      guard let address = SocketAddress(text) else {
        throw Complaint("\(name) is ADDRESS:PORT, not \(text)")
      }
      return address
    }
    while let argument = rest.popFirst() {
      switch argument {
      case "--server": server = try address(try value(argument), argument)
      case "--relay":
        let ends = try value(argument).split(separator: "=", maxSplits: 1).map(String.init)
        guard ends.count == 2 else { throw Complaint("--relay is ADDRESS:PORT=ADDRESS:PORT") }
        relays.append((at: try address(ends[0], argument), to: try address(ends[1], argument)))
      case "--waiting": isWaiting = true
      case "--spread": spread = try count(argument)
      case "--rounds": rounds = try count(argument)
      case "--path":
        path = try value(argument)
        paths.append(path)
      case "--slow": slow = try count(argument)
      case "--deaf": deaf = try count(argument)
      case "--clients": clients = try count(argument)
      case "--seconds": seconds = try count(argument)
      case "--ramp": ramp = try count(argument)
      case "--parts": fetchesParts = true
      case "--hints": holdsHints = true
      case "--churn": churns = true
      case "--pid": process = try count(argument)
      case "--seed": seed = try count(argument)
      default: throw Complaint("unknown argument \(argument)")
      }
    }
    if paths.isEmpty { paths = [path] }
  }
}

/// Why the program can't go on, as a sentence.
struct Complaint: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// SplitMix64: the same choices for the same seed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
