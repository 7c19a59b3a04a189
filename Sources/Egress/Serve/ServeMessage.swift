internal import LinuxIO
internal import Packaging
internal import Wire

/// What other threads tell a serve loop.
enum ServeMessage: Sendable {
  case snapshot(BroadcastPath, PresentationSnapshot, UTCTime)
  case status(IngestStatus)
  case stop
}

extension Mailbox where Value == ServeMessage {
  /// Posts a message in place of an older one about the same thing: a slow loop finds the newest.
  func postNewest(_ message: ServeMessage) {
    post(message) { waiting, message in
      for index in waiting.indices {
        switch (waiting[index], message) {
        case (.snapshot(let old, _, _), .snapshot(let new, _, _)) where old == new: break
        case (.status(let old), .status(let new)) where old.broadcast == new.broadcast: break
        default: continue
        }
        waiting[index] = message
        return true
      }
      return false
    }
  }
}
