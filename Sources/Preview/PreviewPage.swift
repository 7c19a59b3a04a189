internal import Digest
package import Wire

/// The files of the preview page, as they are served.
package struct PreviewPage: Sendable {
  /// A file with its media type.
  package struct File: Sendable {
    package let name: String
    package let contentType: String
    package let bytes: Bytes
  }

  /// The page itself, alike for all broadcasts: it names its files relative to its own URL.
  package let page: File
  /// What the page loads, by name.
  package let assets: [String: File]
  /// A name for these very assets; in their URLs, so that they may be cached for ever.
  package let version: String

  /// The segment of asset URLs before the version.
  package static let folder = "preview"

  /// What a browser may do with the page: nothing but its own files, and media from where it came.
  package static let contentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    + "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    + "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

  package init() {
    let script = "text/javascript; charset=utf-8"
    let files = [
      File(name: "boxes.js", contentType: script, bytes: Bytes(PackageResources.boxes_js)),
      File(name: "chart.js", contentType: script, bytes: Bytes(PackageResources.chart_js)),
      File(name: "checks.js", contentType: script, bytes: Bytes(PackageResources.checks_js)),
      File(name: "figures.js", contentType: script, bytes: Bytes(PackageResources.figures_js)),
      File(name: "icon.svg", contentType: "image/svg+xml", bytes: Bytes(PackageResources.icon_svg)),
      File(name: "live.js", contentType: script, bytes: Bytes(PackageResources.live_js)),
      File(name: "page.js", contentType: script, bytes: Bytes(PackageResources.page_js)),
      File(name: "player.js", contentType: script, bytes: Bytes(PackageResources.player_js)),
      File(name: "playlist.js", contentType: script, bytes: Bytes(PackageResources.playlist_js)),
      File(name: "session.js", contentType: script, bytes: Bytes(PackageResources.session_js)),
      File(name: "sink.js", contentType: script, bytes: Bytes(PackageResources.sink_js)),
      File(
        name: "style.css",
        contentType: "text/css; charset=utf-8",
        bytes: Bytes(PackageResources.style_css)
      ),
      File(name: "track.js", contentType: script, bytes: Bytes(PackageResources.track_js)),
    ]
    assets = Dictionary(uniqueKeysWithValues: files.map { ($0.name, $0) })
    let all = files.map { hex(SHA256.digest($0.bytes).slice) }.joined(separator: "\n")
    version = hex(SHA256.digest(Bytes(utf8: all)).prefix(8).slice)
    let text = Bytes(PackageResources.index_html).text
      .split(separator: "{assets}", omittingEmptySubsequences: false)
      .joined(separator: "\(Self.folder)/\(version)")
    page = File(
      name: "index.html",
      contentType: "text/html; charset=utf-8",
      bytes: Bytes(utf8: text)
    )
  }
}
