package import Wire

/// A function that takes any bytes and traps where a promise is broken.
///
/// The raw value names it on the
/// command line and its folder under `Fixtures/Corpus`.
package enum FuzzTarget: String, CaseIterable, Sendable {
  case boxes = "Boxes"
  case request = "Request"
  case control = "Control"
  case objects = "Objects"
  case session = "Session"
  case catalog = "Catalog"
  case configuration = "Configuration"
  case upstream = "Upstream"
  case presentation = "Presentation"
  case webTransport = "WebTransport"
  case remux = "Remux"
  case checkedPlaylist = "CheckedPlaylist"
  case checkedManifest = "CheckedManifest"
  case checkedMedia = "CheckedMedia"
  case response = "Response"
  case access = "Access"

  package func run(_ bytes: Bytes) {
    switch self {
    case .boxes: fuzzBoxes(bytes)
    case .request: fuzzRequest(bytes)
    case .control: fuzzControl(bytes)
    case .objects: fuzzObjects(bytes)
    case .session: fuzzSession(bytes)
    case .catalog: fuzzCatalog(bytes)
    case .configuration: fuzzConfiguration(bytes)
    case .upstream: fuzzUpstream(bytes)
    case .presentation: fuzzPresentation(bytes)
    case .webTransport: fuzzWebTransport(bytes)
    case .remux: fuzzRemux(bytes)
    case .checkedPlaylist: fuzzCheckedPlaylist(bytes)
    case .checkedManifest: fuzzCheckedManifest(bytes)
    case .checkedMedia: fuzzCheckedMedia(bytes)
    case .response: fuzzResponse(bytes)
    case .access: fuzzAccess(bytes)
    }
  }
}
