package import CMAF
internal import Digest
package import Wire

/// One media track of a broadcast, ready to be packaged.
package struct TrackDescription: Equatable, Sendable {
  package let info: RenditionInfo
  package let initSegment: InitSegment
  /// The longest distance between sync samples that the catalog promises; nil when it does not.
  package let groupLength: MediaTime?

  /// Takes a CMAF header's bytes, which name the init segment by their hash.
  package init(info: RenditionInfo, header: Bytes, groupLength: MediaTime? = nil) {
    self.info = info
    initSegment = InitSegment(
      bytes: header,
      name: String(hex(SHA256.digest(header).slice).prefix(16))
    )
    self.groupLength = groupLength
  }
}
