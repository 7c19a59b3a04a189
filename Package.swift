// swift-tools-version: 6.2
import PackageDescription

/// What is released brings Swift's own libraries along.
///
/// The program then runs where no Swift is installed, and calls them directly instead of through a table:
/// a part is out 0.05 ms sooner, and answers take 2 to 3 % less CPU.
let staticLibraries = ["-static-stdlib"]

/// What is released has the code of a part's way in one piece, see `HotCode`: a part is out 0.06 ms sooner.
///
/// `Tests/Benchmarks/hot_functions.py` finds it out; names that there are no more are passed over.
let hotFunctions = "\(Context.packageDirectory)/Config/hot-functions.txt"

/// Every Swift target: Swift 6 mode, strict memory safety.
///
/// The compiler refuses an unmarked unsafe construct everywhere; `Config/check-style.sh` also refuses the
/// word `unsafe` outside the modules that touch C or the kernel.
let settings: [SwiftSetting] = [
  .unsafeFlags(
    staticLibraries + ["-Xfrontend", "-function-sections"],
    .when(configuration: .release)
  ),
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatWarning("StrictMemorySafety", as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// The same for the linking of programs; those of tests stay dynamic.
let programLinkerSettings: [LinkerSetting] = [
  .unsafeFlags(
    staticLibraries + [
      "-use-ld=lld", "-Xlinker", "--symbol-ordering-file=\(hotFunctions)",
      "-Xlinker", "--no-warn-symbol-ordering",
    ],
    .when(configuration: .release)
  )
]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(
  _ name: String,
  _ dependencies: [Target.Dependency],
  path: String? = nil
) -> Target {
  .testTarget(name: name, dependencies: dependencies, path: path, swiftSettings: settings)
}

/// The libFuzzer program, which needs `--sanitize fuzzer` and brings no `main`; see
/// Tests/Fuzz/README.md.
let fuzzers: [Target] =
  Context.environment["FUZZ"] == nil
  ? []
  : [
    .executableTarget(
      name: "Fuzz",
      dependencies: ["FuzzTargets", "Wire"],
      path: "Tests/Fuzz/Fuzz",
      swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])],
      linkerSettings: programLinkerSettings
    )
  ]

let package = Package(
  name: "moq-egress",
  products: [.executable(name: "moq-egress", targets: ["moq-egress"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // C doors: the only places that see C headers.
    .target(name: "CLinux"),
    .target(
      name: "CNgtcp2",
      // Static, so that ngtcp2's hidden stream functions are linkable (see Sources/CNgtcp2).
      linkerSettings: [
        .linkedLibrary(":libngtcp2_crypto_gnutls.a"), .linkedLibrary(":libngtcp2.a"),
        .linkedLibrary("gnutls"),
      ]
    ),
    .systemLibrary(
      name: "CLibXML2",
      pkgConfig: "libxml-2.0",
      providers: [.apt(["libxml2-dev"])]
    ),
    .systemLibrary(
      name: "CNghttp3",
      pkgConfig: "libnghttp3",
      providers: [.apt(["libnghttp3-dev"])]
    ),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

    module("Wire"),
    module("Digest", ["Wire", "COpenSSL"]),
    module("Compression", ["Wire", "CZlib"]),
    module("XML", ["Wire", "CLibXML2"]),
    module("CMAF", ["Wire"]),
    module("MoQ", ["Wire"]),
    module("HTTP", ["Wire"]),
    module("QUIC", ["Wire", "CNgtcp2"]),
    module("WebTransport", ["Wire", "CNghttp3"]),
    module("LinuxIO", ["Wire", "CLinux"]),
    module("TLS", ["Wire", "COpenSSL"]),
    module("Conformance", ["Wire", "LinuxIO", "TLS", "XML", "Digest", "Compression"]),
    module("Remux", ["Wire", "CMAF"]),
    module("Packaging", ["Wire", "CMAF", "Digest"]),
    module("Manifests", ["Wire", "CMAF", "Packaging", "XML"]),
    // The binary holds the page's files.
    .target(
      name: "Preview",
      dependencies: ["Wire", "Digest"],
      resources: [.embedInCode("Resources")],
      swiftSettings: settings
    ),
    module(
      "Egress",
      [
        "Wire", "CMAF", "MoQ", "HTTP", "QUIC", "WebTransport", "LinuxIO", "Remux", "Packaging",
        "Manifests", "Preview", "Digest", "Compression", "TLS",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Yams", package: "Yams"),
      ]
    ),
    .executableTarget(
      name: "moq-egress",
      dependencies: [
        "Conformance", "Egress", "LinuxIO", "TLS", "Wire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: settings,
      linkerSettings: programLinkerSettings
    ),
    // The benchmark's client, see Config/benchmark.sh.
    .executableTarget(
      name: "moq-egress-load",
      dependencies: ["LinuxIO", "Wire"],
      path: "Tests/Load",
      swiftSettings: settings,
      linkerSettings: programLinkerSettings
    ),

    // Optimized: every test of playlists reads hundreds of them with it.
    .target(
      name: "TestSupport",
      dependencies: ["Wire", "CMAF", "MoQ", "Packaging", "WebTransport"],
      path: "Tests/Support",
      swiftSettings: settings + [.unsafeFlags(["-O"], .when(configuration: .debug))]
    ),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "Wire", "CMAF", "HTTP", "MoQ", "WebTransport", "Remux", "Packaging", "Manifests", "Egress",
        "Conformance", "TestSupport",
      ],
      path: "Tests/Fuzz/Targets",
      swiftSettings: settings
    ),
    tests("WireTests", ["Wire", "Digest", "Compression", "XML"]),
    tests("CMAFTests", ["CMAF", "TestSupport"]),
    tests("MoQTests", ["MoQ", "TestSupport"]),
    tests("HTTPTests", ["HTTP", "TestSupport"]),
    tests("QUICTests", ["QUIC", "TestSupport"]),
    tests("WebTransportTests", ["WebTransport", "TestSupport"]),
    tests("LinuxIOTests", ["LinuxIO", "TestSupport"]),
    tests("PackagingTests", ["Packaging", "CMAF", "Manifests", "TestSupport"]),
    tests("RemuxTests", ["Remux", "CMAF", "TestSupport"]),
    tests("ManifestsTests", ["Manifests", "XML", "TestSupport"]),
    tests("FuzzReplayTests", ["FuzzTargets", "TestSupport", "Wire"]),
    tests("EgressTests", ["Egress", "Preview", "Compression", "TestSupport"]),
    tests("IntegrationTests", ["Egress", "Preview", "TLS", "TestSupport"]),
    tests("TLSTests", ["TLS", "TestSupport", "Wire"]),
    tests("ConformanceTests", ["Conformance", "LinuxIO", "TLS", "TestSupport", "Wire", "XML"]),
  ] + fuzzers
)

// Sanitizers are for few tests: what these don't need is not built. A comma separates their names.
if let names = Context.environment["TESTS"]?.split(separator: ",").map(String.init) {
  var needed: Set<String> = []
  var waiting = names
  while let name = waiting.popLast() {
    guard needed.insert(name).inserted,
      let target = package.targets.first(where: { $0.name == name })
    else { continue }
    for case .byNameItem(let dependency, _) in target.dependencies { waiting.append(dependency) }
  }
  package.targets.removeAll { !needed.contains($0.name) }
  package.products = []
}
