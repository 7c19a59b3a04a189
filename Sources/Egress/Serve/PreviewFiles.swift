internal import HTTP
internal import Preview
internal import Wire

/// The preview page and its files, ready to be sent.
struct PreviewFiles {
  private let page: Rendered
  private let assets: [String: Rendered]
  private let version: String

  init() {
    let preview = PreviewPage()
    page = Self.rendered(preview.page)
    assets = preview.assets.mapValues(Self.rendered)
    version = preview.version
  }

  /// The page of any broadcast that is there.
  func page(_ request: RequestHead) -> Response {
    guarded(page.response(to: request, cacheControl: CachePolicy.page))
  }

  /// A file of this very version: a page of another one is asked for again, and then fits.
  func asset(version: String, name: String, _ request: RequestHead) -> Response {
    guard version == self.version, let asset = assets[name] else {
      return .notFound("no file of the preview page")
    }
    return guarded(asset.response(to: request, cacheControl: CachePolicy.forever))
  }

  private static func rendered(_ file: PreviewPage.File) -> Rendered {
    Rendered(file.bytes, type: ResponseHead.line("Content-Type", file.contentType))
  }

  private func guarded(_ response: Response) -> Response { response.adding(Self.guards) }

  private static let guards = [
    ResponseHead.line("Content-Security-Policy", PreviewPage.contentSecurityPolicy),
    ResponseHead.line("X-Content-Type-Options", "nosniff"),
    ResponseHead.line("Referrer-Policy", "no-referrer"),
  ]
}
