package import Wire

/// What a catalog says of a track whose objects are not CMAF, decoded.
package struct RemuxSource: Sendable, Hashable {
  /// How objects hold media.
  package enum Packaging: Sendable, Hashable {
    /// A frame an object, its time in properties (draft-ietf-moq-loc, any revision).
    case loc
    /// A frame an object after its time in microseconds (hang's default container).
    case legacy
    /// A frame an object after a block of properties (hang's `loc` container).
    case hangLOC
    /// A CMAF chunk an object, its boxes compressed (draft-einarsson-moq-locmaf, version 0.3).
    case locmaf
    /// A frame an object, everything else in properties (draft-cenzano-moq-media-interop).
    case moqMI
  }

  /// Whether a track is seen or heard.
  package enum Kind: Sendable, Hashable { case video, audio }

  package var packaging: Packaging
  package var kind: Kind
  /// The RFC 6381 or WebCodecs text; objects of moq-mi say it themselves.
  package var codec: String?
  /// A bare decoder configuration (avcC, hvcC, av1C, AudioSpecificConfig, OpusHead, STREAMINFO …) or a
  /// CMAF header; for LOCMAF it must be a header.
  package var configuration: Bytes?
  /// Frames per 1,000 seconds.
  package var framerateThousandths: Int64?
  /// The longest a group lasts.
  package var maximumGroupMilliseconds: Int64?
  /// Audio samples per second.
  package var sampleRate: Int?
  package var channels: Int?
  /// Three letters of ISO 639-2, or a tag of BCP 47; others are written as undetermined.
  package var language: String?
  /// Ticks per second of timestamps by the catalog, which properties overrule.
  package var timescale: UInt64?
  /// The track's own properties, of SUBSCRIBE_OK or PUBLISH.
  package var trackProperties: [RemuxProperty] = []
  /// Whether integers inside payloads are those of RFC 9000; drafts from 17 on have vi64.
  package var usesQUICIntegers = true

  package init(packaging: Packaging, kind: Kind, codec: String? = nil, configuration: Bytes? = nil)
  {
    self.packaging = packaging
    self.kind = kind
    self.codec = codec
    self.configuration = configuration
  }
}

/// A property of a track or an object: an integer where the type is even, bytes where it is odd.
package struct RemuxProperty: Sendable, Hashable {
  package enum Value: Sendable, Hashable {
    case integer(UInt64)
    case bytes(Bytes)
  }

  package var type: UInt64
  package var value: Value

  package init(_ type: UInt64, _ value: UInt64) {
    self.type = type
    self.value = .integer(value)
  }

  package init(_ type: UInt64, _ value: Bytes) {
    self.type = type
    self.value = .bytes(value)
  }
}

extension [RemuxProperty] {
  /// The first integer of a type; nil when there is none.
  func integer(_ type: UInt64) -> UInt64? {
    for property in self where property.type == type {
      if case .integer(let value) = property.value { return value }
    }
    return nil
  }

  /// The first bytes of a type; nil when there are none.
  func bytes(_ type: UInt64) -> Bytes? {
    for property in self where property.type == type {
      if case .bytes(let value) = property.value { return value }
    }
    return nil
  }
}

/// One object of a track as it arrived.
package struct RemuxObject: Sendable, Hashable {
  package var group: UInt64
  package var object: UInt64
  package var payload: Bytes
  /// Mutable and immutable ones.
  package var properties: [RemuxProperty]
  package var arrival: Instant

  package init(
    group: UInt64,
    object: UInt64,
    payload: Bytes,
    properties: [RemuxProperty] = [],
    arrival: Instant
  ) {
    self.group = group
    self.object = object
    self.payload = payload
    self.properties = properties
    self.arrival = arrival
  }

  var byteCount: Int {
    properties.reduce(payload.count + 64) { count, property in
      if case .bytes(let bytes) = property.value { return count + bytes.count + 32 }
      return count + 32
    }
  }
}

/// What a remuxer makes of objects.
package enum RemuxEvent: Sendable, Hashable {
  /// `ftyp` and `moov`: before the first chunk, and whenever the decoder's configuration changes.
  case header(Bytes)
  /// One `moof` and `mdat` with what the object at this place holds.
  case chunk(group: UInt64, object: UInt64, Bytes)
  /// The group has given all its chunks; `end` is one above the last object that gave one.
  ///
  /// Not said of a group whose last objects are missing or gave nothing, so that the loss shows.
  case groupEnded(group: UInt64, end: UInt64)
  /// The object gives no chunk.
  case dropped(group: UInt64, object: UInt64, RemuxDrop)
  /// Something about the track is not as it should be; said once.
  case warning(String)
}

/// Objects of a track that are missing, both ends included.
package struct RemuxHole: Sendable {
  package let first: (group: UInt64, object: UInt64)
  package let last: (group: UInt64, object: UInt64)
  /// When what has to wait for them came.
  package let since: Instant
}

/// Why an object gives no chunk.
package enum RemuxDrop: Error, Sendable, Hashable {
  /// It came after its place had been passed.
  case late
  /// It was there already.
  case duplicate
  /// What it depends on is missing.
  case undecodable
  /// Its time is missing or none that a broadcast can have.
  case time
  /// No decoder configuration is known yet.
  case unconfigured
  /// It can't be read; the text says what is wrong.
  case malformed(String)
}

/// What is held and waited for at most.
package struct RemuxLimits: Sendable, Hashable {
  /// How long a missing object is waited for.
  package var patience = Interval.seconds(1)
  /// Bytes of objects that wait for others.
  package var waitingBytes = 32 << 20
  /// Objects that wait for others.
  package var waitingObjects = 4096

  package init() {}
}
