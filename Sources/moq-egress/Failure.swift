import ArgumentParser
import LinuxIO

/// Exit codes of sysexits.h.
enum ExitStatus: Int32 {
  case usage = 64
  case data = 65
  case noInput = 66
  case unavailable = 69
  case software = 70
  case osError = 71
  case ioError = 74
  case noPermission = 77
  case configuration = 78
}

/// The end of a command with one line of explanation.
struct Failure: Error {
  let status: ExitStatus
  let text: String

  init(_ status: ExitStatus, _ text: String) {
    self.status = status
    self.text = text
  }
}

/// Runs a command's body; a failure becomes its line on standard error and its exit code.
func reporting(_ body: () throws -> Void) throws {
  do {
    try body()
  } catch let failure as Failure {
    StandardError().write("moq-egress: \(failure.text)\n")
    throw ExitCode(failure.status.rawValue)
  } catch let error as SystemError {
    var advice = ""
    if error.operation.hasPrefix("bind unix:") {
      if error.isAddressInUse {
        advice = "; another server listens there, or it is a file of something else"
      }
    } else if error.operation.hasPrefix("bind ") {
      if error.isAddressInUse {
        advice = "; is another server running there? choose a port with --listen"
      } else if error.isPermissionDenied {
        advice = "; ports below 1024 need a privilege"
      }
    }
    StandardError().write("moq-egress: \(error)\(advice)\n")
    throw ExitCode(
      (error.isPermissionDenied ? ExitStatus.noPermission : .osError).rawValue
    )
  }
}
