package import CMAF
internal import Digest
package import Wire

/// What a media track of a broadcast is from a chunk on, ready to be packaged.
///
/// A reference, as every chunk has one.
package final class TrackDescription: Sendable {
  package let info: RenditionInfo
  package let initSegment: InitSegment
  /// The longest distance between sync samples that the catalog promises; nil when it does not.
  package let groupLength: MediaTime?

  /// The most ticks per second, above the nanoseconds that some publishers count in.
  package static let timescaleLimit: UInt32 = 1 << 30

  /// Takes a CMAF header's bytes, which name the init segment by their hash; traps when the timescale
  /// is over the limit.
  package init(info: RenditionInfo, header: Bytes, groupLength: MediaTime? = nil) {
    precondition(info.timescale <= Self.timescaleLimit, "a timescale is at most 2^30")
    self.info = info
    initSegment = InitSegment(
      bytes: header,
      name: String(hex(SHA256.digest(header).slice).prefix(16))
    )
    self.groupLength = groupLength
  }

  /// Whether media under one header goes on under another.
  func hasHeader(of other: TrackDescription) -> Bool {
    self === other || initSegment == other.initSegment
  }
}

extension TrackDescription: Equatable {
  package static func == (left: TrackDescription, right: TrackDescription) -> Bool {
    left === right
      || left.info == right.info && left.initSegment == right.initSegment
        && left.groupLength == right.groupLength
  }
}
