import FuzzTargets
import Glibc
import Wire

/// The target that the variable `TARGET` names.
private let target: FuzzTarget = {
  let name = unsafe getenv("TARGET").map { unsafe String(cString: $0) } ?? ""
  guard let target = FuzzTarget(rawValue: name) else {
    let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
    preconditionFailure("TARGET is '\(name)', not one of \(names)")
  }
  return target
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // libFuzzer owns the input for the length of the call.
  target.run(unsafe Bytes(Array(UnsafeBufferPointer(start: start, count: count))))
  return 0
}
