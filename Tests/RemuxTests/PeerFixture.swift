import FoundationEssentials
import Remux
import TestSupport
import Testing
import Wire

/// A capture of Fixtures/Remux: the catalog's tracks with the objects that came.
struct PeerFixture {
  private struct Capture: Decodable {
    struct Catalog: Decodable {
      struct Track: Decodable {
        let name: String
        let packaging: String
        let role: String
        let codec: String
        let framerate: Double?
        let samplerate: Int?
        let channelConfig: String?
        let initRef: String?
      }
      struct Initialization: Decodable {
        let id: String
        let data: String
      }
      let tracks: [Track]
      let initDataList: [Initialization]?
    }
    struct Object: Decodable {
      struct Property: Decodable {
        let type: UInt64
        let integer: UInt64?
        let bytes: String?
      }
      let group: UInt64
      let object: UInt64
      let properties: [Property]
      let payload: String
    }
    let catalog: Catalog
    let tracks: [String: [Object]]
  }

  let source: RemuxSource
  let objects: [RemuxObject]

  /// Reads the track of a kind from `Fixtures/Remux/<name>.json`.
  init(_ name: String, _ kind: RemuxSource.Kind, isQUIC: Bool = false) throws {
    let data = Data(try MediaFixture.bytes("Remux/\(name).json").array)
    let capture = try JSONDecoder().decode(Capture.self, from: data)
    let role = kind == .video ? "video" : "audio"
    let track = try #require(capture.catalog.tracks.first { $0.role == role })
    let packaging: RemuxSource.Packaging =
      switch track.packaging {
      case "loc": .loc
      case "locmaf": .locmaf
      default: .legacy
      }
    var source = RemuxSource(packaging: packaging, kind: kind, codec: track.codec)
    source.configuration = capture.catalog.initDataList?.first { $0.id == track.initRef }
      .flatMap { Data(base64Encoded: $0.data) }.map { Bytes([UInt8]($0)) }
    source.framerateThousandths = track.framerate.map { Int64($0 * 1000) }
    source.sampleRate = track.samplerate
    source.channels = track.channelConfig.flatMap { Int($0) }
    source.usesQUICIntegers = isQUIC
    self.source = source
    objects = try (capture.tracks[track.name] ?? []).map { object in
      RemuxObject(
        group: object.group,
        object: object.object,
        payload: Bytes([UInt8](try #require(Data(base64Encoded: object.payload)))),
        properties: try object.properties.map { property in
          if let integer = property.integer { return RemuxProperty(property.type, integer) }
          let text = try #require(property.bytes)
          return RemuxProperty(property.type, try #require(Bytes(hex: text)))
        },
        arrival: start
      )
    }
    try #require(!objects.isEmpty)
  }
}

/// A case of the LOCMAF golden vectors.
struct LOCMAFVector: Decodable, Sendable, CustomStringConvertible {
  struct Object: Decodable, Sendable {
    let group: UInt64
    let object: UInt64
    let payload: Data
    let chunk: Data
  }
  let name: String
  let header: Data
  let objects: [Object]

  var description: String { name }

  static let all: [LOCMAFVector] = {
    guard let bytes = try? MediaFixture.bytes("Remux/locmaf-vectors.json") else { return [] }
    return (try? JSONDecoder().decode([LOCMAFVector].self, from: Data(bytes.array))) ?? []
  }()

  /// The case's objects as they would arrive.
  var remuxObjects: [RemuxObject] {
    objects.map { object in
      RemuxObject(
        group: object.group,
        object: object.object,
        payload: Bytes([UInt8](object.payload)),
        arrival: start
      )
    }
  }

  var source: RemuxSource {
    RemuxSource(packaging: .locmaf, kind: .video, configuration: Bytes([UInt8](header)))
  }
}
