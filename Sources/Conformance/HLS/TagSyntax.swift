/// What the tags of playlists look like, rfc8216bis "Playlist Tags".
enum TagSyntax {
  /// The attributes of the tags that have attribute lists.
  static let attributes: [String: [String: AttributeKind]] = [
    "EXT-X-STREAM-INF": stream.merging(["FRAME-RATE": .float]) { first, _ in first },
    "EXT-X-I-FRAME-STREAM-INF": stream.merging(["URI": .quoted]) { first, _ in first },
    "EXT-X-MEDIA": [
      "TYPE": .word, "URI": .quoted, "GROUP-ID": .quoted, "LANGUAGE": .quoted,
      "ASSOC-LANGUAGE": .quoted, "NAME": .quoted, "STABLE-RENDITION-ID": .quoted,
      "DEFAULT": .word, "AUTOSELECT": .word, "FORCED": .word, "INSTREAM-ID": .quoted,
      "BIT-DEPTH": .integer, "SAMPLE-RATE": .integer, "CHARACTERISTICS": .quoted,
      "CHANNELS": .quoted,
    ],
    "EXT-X-MAP": ["URI": .quoted, "BYTERANGE": .quoted],
    "EXT-X-KEY": key, "EXT-X-SESSION-KEY": key,
    "EXT-X-PART-INF": ["PART-TARGET": .float],
    "EXT-X-SERVER-CONTROL": [
      "CAN-SKIP-UNTIL": .float, "CAN-SKIP-DATERANGES": .word, "HOLD-BACK": .float,
      "PART-HOLD-BACK": .float, "CAN-BLOCK-RELOAD": .word,
    ],
    "EXT-X-PART": [
      "URI": .quoted, "DURATION": .float, "INDEPENDENT": .word, "BYTERANGE": .quoted,
      "GAP": .word,
    ],
    "EXT-X-PRELOAD-HINT": [
      "TYPE": .word, "URI": .quoted, "BYTERANGE-START": .integer, "BYTERANGE-LENGTH": .integer,
    ],
    "EXT-X-RENDITION-REPORT": ["URI": .quoted, "LAST-MSN": .integer, "LAST-PART": .integer],
    "EXT-X-SKIP": ["SKIPPED-SEGMENTS": .integer, "RECENTLY-REMOVED-DATERANGES": .quoted],
    "EXT-X-START": ["TIME-OFFSET": .signedFloat, "PRECISE": .word],
    "EXT-X-DATERANGE": [
      "ID": .quoted, "CLASS": .quoted, "START-DATE": .quoted, "END-DATE": .quoted,
      "DURATION": .float, "PLANNED-DURATION": .float, "SCTE35-CMD": .hexadecimal,
      "SCTE35-OUT": .hexadecimal, "SCTE35-IN": .hexadecimal, "END-ON-NEXT": .word,
    ],
    "EXT-X-DEFINE": [
      "NAME": .quoted, "VALUE": .quoted, "IMPORT": .quoted, "QUERYPARAM": .quoted,
    ],
    "EXT-X-CONTENT-STEERING": ["SERVER-URI": .quoted, "PATHWAY-ID": .quoted],
    "EXT-X-SESSION-DATA": [
      "DATA-ID": .quoted, "VALUE": .quoted, "URI": .quoted, "FORMAT": .word, "LANGUAGE": .quoted,
    ],
  ]

  private static let stream: [String: AttributeKind] = [
    "BANDWIDTH": .integer, "AVERAGE-BANDWIDTH": .integer, "SCORE": .float, "CODECS": .quoted,
    "SUPPLEMENTAL-CODECS": .quoted, "RESOLUTION": .resolution, "HDCP-LEVEL": .word,
    "ALLOWED-CPC": .quoted, "VIDEO-RANGE": .word, "REQ-VIDEO-LAYOUT": .quoted,
    "STABLE-VARIANT-ID": .quoted, "AUDIO": .quoted, "VIDEO": .quoted, "SUBTITLES": .quoted,
    "PATHWAY-ID": .quoted,
  ]

  private static let key: [String: AttributeKind] = [
    "METHOD": .word, "URI": .quoted, "IV": .hexadecimal, "KEYFORMAT": .quoted,
    "KEYFORMATVERSIONS": .quoted,
  ]

  /// Tags that make a playlist multivariant.
  static let multivariant: Set = [
    "EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF", "EXT-X-MEDIA", "EXT-X-SESSION-DATA",
    "EXT-X-SESSION-KEY", "EXT-X-CONTENT-STEERING",
  ]

  /// Tags that make a playlist one of media.
  static let media: Set = [
    "EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE",
    "EXT-X-ENDLIST", "EXT-X-PLAYLIST-TYPE", "EXT-X-I-FRAMES-ONLY", "EXT-X-PART-INF",
    "EXT-X-SERVER-CONTROL", "EXTINF", "EXT-X-BYTERANGE", "EXT-X-DISCONTINUITY", "EXT-X-KEY",
    "EXT-X-MAP", "EXT-X-PROGRAM-DATE-TIME", "EXT-X-GAP", "EXT-X-BITRATE", "EXT-X-PART",
    "EXT-X-DATERANGE", "EXT-X-SKIP", "EXT-X-PRELOAD-HINT", "EXT-X-RENDITION-REPORT",
  ]

  /// Tags that no playlist has twice.
  static let onceOnly = [
    "EXTM3U", "EXT-X-VERSION", "EXT-X-INDEPENDENT-SEGMENTS", "EXT-X-START",
    "EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE",
    "EXT-X-ENDLIST", "EXT-X-PLAYLIST-TYPE", "EXT-X-I-FRAMES-ONLY", "EXT-X-PART-INF",
    "EXT-X-SERVER-CONTROL", "EXT-X-SKIP", "EXT-X-CONTENT-STEERING",
  ]
}
