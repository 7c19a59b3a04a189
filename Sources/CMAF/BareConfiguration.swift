package import Wire

extension CMAFHeader {
  /// The decoder configuration of the first track as catalogs carry it without a header.
  ///
  /// The records avcC, hvcC and av1C; AudioSpecificConfig; `OpusHead`; `fLaC` with STREAMINFO. Nil for
  /// codecs whose samples say everything.
  package func bareConfiguration() throws(CMAFError) -> Bytes? {
    guard let entry = try firstSampleEntry() else { return nil }
    let isVideo = tracks[0].handler == "vide"
    for box in try entry.children(after: isVideo ? 78 : 28) {
      switch box.type {
      case "avcC", "hvcC", "av1C": return box.body
      case "esds":
        let information = try ElementaryStreamDescriptor(box).decoderSpecificInfo
        return information.isEmpty ? nil : information
      case "dOps": return OpusConfiguration.identificationHeader(body: box.body)
      case "dfLa":
        guard box.body.count > 4 else { return nil }
        return Bytes(Array("fLaC".utf8) + box.body.suffix(from: 4).array)
      default: break
      }
    }
    return nil
  }

  private func firstSampleEntry() throws(CMAFError) -> Box? {
    var reader = BoxReader(bytes)
    while let box = try reader.next() {
      guard box.type == "moov" else { continue }
      let media = try box.required("trak").required("mdia").required("minf")
      return try media.required("stbl").required("stsd").children(after: 8).first
    }
    return nil
  }
}
