/// Which side of the connection a session is on.
package enum SessionRole: Sendable {
  case client, server
}
