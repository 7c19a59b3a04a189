internal import MoQ
internal import Packaging
internal import Wire

/// Makes media objects of a track's MoQ objects, whatever their packaging.
struct MediaIntake {
  enum Output {
    case media(MediaObject)
    case groupEnd(UInt64, at: UInt64)
    case malformed(ObjectPosition, String)
  }

  private let parser: ChunkParser
  private var outputs: [Output] = []

  init(_ plan: TrackPlan) { parser = ChunkParser(plan) }

  /// Whether objects of a packaging can be read.
  static func takes(_ packaging: CatalogPackaging) -> Bool { packaging == .cmaf }

  mutating func poll() -> Output? { outputs.isEmpty ? nil : outputs.removeFirst() }

  mutating func take(_ object: Object, now: Instant) {
    guard object.status == .normal, !object.payload.isEmpty else { return }
    let position = ObjectPosition(group: object.group, object: object.id)
    do throws(ChunkParser.Refusal) {
      let chunks = try parser.parse(object.payload)
      outputs.append(.media(MediaObject(position: position, chunks: chunks, arrival: now)))
    } catch {
      outputs.append(.malformed(position, error.reason))
    }
  }

  /// Takes the knowledge that a group has no object with an id of `end` or above.
  mutating func endGroup(_ group: UInt64, at end: UInt64) {
    outputs.append(.groupEnd(group, at: end))
  }
}
