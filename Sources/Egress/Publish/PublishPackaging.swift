internal import MoQ
internal import Remux

/// How a published broadcast packages its media; the raw value is its name for the command line.
package enum PublishPackaging: String, CaseIterable, Sendable {
  /// CMAF chunks, an MSF catalog (CMSF).
  case cmaf
  /// A frame an object with its time in properties, an MSF catalog.
  case loc
  /// A frame an object after its time, hang's catalog.
  case hang

  /// How samples become objects; nil where chunks do.
  var form: ObjectEncoder.Form? {
    switch self {
    case .cmaf: nil
    case .loc: .loc(isTagged: false)
    case .hang: .legacy
    }
  }

  var inCatalog: CatalogPackaging {
    switch self {
    case .cmaf: .cmaf
    case .loc: .loc
    case .hang: .legacy
    }
  }
}

extension Properties {
  /// Properties of an object that is published.
  init(_ properties: [RemuxProperty]) {
    var pairs = KeyValuePairs()
    for property in properties {
      switch property.value {
      case .integer(let value): pairs.append(property.type, value)
      case .bytes(let bytes): pairs.append(property.type, bytes)
      }
    }
    self.init(pairs)
  }
}
