/// Why a request can't be read; the connection answers with the status and closes.
package struct RequestError: Error, Hashable, Sendable {
  package let status: Status
  /// What was wrong, in a few words for whoever reads the answer.
  package let reason: String

  init(_ status: Status, _ reason: String) {
    self.status = status
    self.reason = reason
  }

  static func bad(_ reason: String) -> RequestError { RequestError(.badRequest, reason) }
}
