package import CMAF
package import Wire

/// Makes LOC and hang objects of a CMAF track's samples: what ``TrackRemuxer`` undoes.
package struct ObjectEncoder: Sendable {
  /// How objects hold samples.
  package enum Form: Sendable, Hashable {
    /// draft-ietf-moq-loc-04; `isTagged` puts an empty block of private properties in front, which
    /// aiomoqt asks for.
    case loc(isTagged: Bool)
    /// hang's default container.
    case legacy
  }

  /// An object's payload and properties.
  package struct Object: Sendable, Hashable {
    package let payload: Bytes
    package let properties: [RemuxProperty]
  }

  private let form: Form
  private let isVideo: Bool
  private let timescale: UInt32
  /// The bare decoder configuration, for catalogs; nil for codecs whose samples say everything.
  package let configuration: Bytes?

  /// Makes an encoder for the first track of a header; throws what reading the header throws.
  package init(_ header: CMAFHeader, form: Form) throws(CMAFError) {
    self.form = form
    isVideo = header.tracks[0].handler == "vide"
    timescale = header.tracks[0].timescale
    configuration = try header.bareConfiguration()
  }

  /// The object of one sample; `presentation` is in ticks of the track's timescale and not negative.
  ///
  /// The first object of a group carries the configuration, where the form has a place for it.
  package func object(_ data: Bytes, presentation: Int64, isFirstOfGroup: Bool) -> Object {
    let time = UInt64(max(0, presentation))
    switch form {
    case .loc(let isTagged):
      var properties = [RemuxProperty(0x08, UInt64(timescale))]
      if isFirstOfGroup, let configuration {
        properties.append(RemuxProperty(isVideo ? 0x0D : 0x0F, configuration))
      }
      properties.append(RemuxProperty(0x10, time))
      let payload = isTagged ? Bytes([0x0A, 0x00] + data.array) : data
      return Object(payload: payload, properties: properties)
    case .legacy:
      return Object(payload: timed(data, time), properties: [])
    }
  }

  /// The object after a group's last sample that says when it is over; nil for forms without one.
  package func endMarker(presentation: Int64) -> Object? {
    guard form == .legacy else { return nil }
    return Object(payload: timed(Bytes(), UInt64(max(0, presentation))), properties: [])
  }

  private func timed(_ data: Bytes, _ ticks: UInt64) -> Bytes {
    let time = MediaTime(ticks: Int64(clamping: ticks), timescale: timescale)
    var writer = ByteWriter(reserving: data.count + 8)
    writer.writeVarint(
      min(UInt64(time.rounded(toScale: 1_000_000)), ByteWriter.maximumVarint)
    )
    writer.write(data)
    return writer.bytes
  }
}
