package import Packaging

/// Numbers of EXT-X-SERVER-CONTROL: functions of the presentation's constants, so that they never
/// change and are alike in all its playlists.
///
/// rfc8216bis §"EXT-X-SERVER-CONTROL".
package struct LowLatency: Equatable, Sendable {
  /// Listed parts are those of the last three target durations.
  package let targetDuration: Int
  package let partTargetMilliseconds: Int

  package init(_ constants: PresentationSnapshot.Constants) {
    targetDuration = constants.targetDuration
    partTargetMilliseconds = constants.partTargetMilliseconds
  }

  /// Three and a half parts: AVPlayer stalls at exactly three.
  package var partHoldBackMilliseconds: Int { partTargetMilliseconds * 7 / 2 }
  package var holdBack: Int { targetDuration * 3 }
  package var canSkipUntil: Int { targetDuration * 6 }

  /// How many parts past the newest a player may ask for.
  ///
  /// rfc8216bis §"Blocking Playlist Reload".
  package var advancePartLimit: Int {
    partTargetMilliseconds < 1000 ? (3000 + partTargetMilliseconds - 1) / partTargetMilliseconds : 3
  }

  /// How long a reload may be held before it is refused.
  package var holdMilliseconds: Int { targetDuration * 3000 }
}
