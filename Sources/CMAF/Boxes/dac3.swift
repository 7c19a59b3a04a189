/// The channels of an AC-3 (`dac3`) or E-AC-3 (`dec3`) track.
///
/// ETSI TS 102 366 §F.4 and §F.6.
package struct DolbyDigitalConfiguration: Sendable, Hashable {
  package let channels: Int

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    if box.type == "dac3" {
      let packed = try fields.unsigned(3, "configuration")
      channels = DolbyDigitalConfiguration.count(
        mode: packed >> 11 & 7,
        hasLowFrequency: packed >> 10 & 1 == 1
      )
    } else {
      try fields.skip(2, "data_rate and num_ind_sub")
      // fscod 2, bsid 5, reserved 1, asvc 1, bsmod 3, acmod 3, lfeon 1, reserved 3, num_dep_sub 4,
      // then chan_loc 9 or a reserved bit.
      let packed = try fields.unsigned(3, "substream")
      var channels = DolbyDigitalConfiguration.count(
        mode: packed >> 9 & 7,
        hasLowFrequency: packed >> 8 & 1 == 1
      )
      if packed >> 1 & 15 > 0 {
        let locations = (packed & 1) << 8 | UInt64(try fields.u8("chan_loc"))
        for (bit, count) in DolbyDigitalConfiguration.locationCounts.enumerated()
        where locations >> UInt64(bit) & 1 == 1 {
          channels += count
        }
      }
      self.channels = channels
    }
  }

  private static func count(mode: UInt64, hasLowFrequency: Bool) -> Int {
    [2, 1, 2, 3, 3, 4, 4, 5][Int(mode)] + (hasLowFrequency ? 1 : 0)
  }

  /// Channels of each chan_loc bit from the lowest: Lc/Rc, Lrs/Rrs, Cs, Ts, Lsd/Rsd, Lw/Rw,
  /// Lvh/Rvh, Cvh, LFE2.
  private static let locationCounts = [2, 2, 1, 1, 2, 2, 2, 1, 1]
}
