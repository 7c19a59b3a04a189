import CZlib
package import Wire

/// Compresses bytes to one gzip member, RFC 1952.
///
/// The same input and level give the same output: the member has no name and no modification time.
/// The level is 1 (fastest) to 9 (smallest), the input at most 2 GiB; others trap.
package func gzip(_ bytes: Bytes, level: Int = 6) -> Bytes {
  precondition((1...9).contains(level), "gzip levels are 1 to 9")
  precondition(bytes.count <= Int(Int32.max), "gzip input is at most 2 GiB")
  var stream = unsafe z_stream()
  // A window that holds the input: making ready a larger one takes longer than compressing a playlist.
  let windowBits = CInt(min(max(Int.bitWidth - (bytes.count + 512).leadingZeroBitCount, 10), 15))
  guard unsafe czlib_gzip_init(&stream, CInt(level), windowBits) == Z_OK else {
    preconditionFailure("zlib could not allocate a compressor")
  }
  defer { _ = unsafe deflateEnd(&stream) }
  let bound = Int(unsafe deflateBound(&stream, UInt(bytes.count)))
  let output = unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
    unsafe bytes.slice.withUnsafeBufferPointer { input in
      // zlib's input pointer lacks const but is only read; both buffers outlive the one call.
      unsafe stream.next_in = unsafe UnsafeMutablePointer(mutating: input.baseAddress)
      unsafe stream.avail_in = UInt32(input.count)
      unsafe stream.next_out = buffer.baseAddress
      unsafe stream.avail_out = UInt32(bound)
      let result = unsafe deflate(&stream, Z_FINISH)
      precondition(result == Z_STREAM_END, "deflateBound() is an upper bound")
    }
    count = unsafe bound - Int(stream.avail_out)
  }
  return Bytes(output)
}

/// Restores what one gzip member holds, RFC 1952; nil when it is damaged, cut off, or larger than
/// `limit` bytes.
package func gunzip(_ bytes: Bytes, limit: Int) -> Bytes? {
  guard limit > 0, limit <= Int(Int32.max), bytes.count <= Int(Int32.max) else { return nil }
  var stream = unsafe z_stream()
  guard unsafe czlib_gunzip_init(&stream) == Z_OK else { return nil }
  defer { _ = unsafe inflateEnd(&stream) }
  var isWhole = false
  let output = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
    unsafe bytes.slice.withUnsafeBufferPointer { input in
      // zlib's input pointer lacks const but is only read; both buffers outlive the one call.
      unsafe stream.next_in = unsafe UnsafeMutablePointer(mutating: input.baseAddress)
      unsafe stream.avail_in = UInt32(input.count)
      unsafe stream.next_out = buffer.baseAddress
      unsafe stream.avail_out = UInt32(limit)
      isWhole = unsafe inflate(&stream, Z_FINISH) == Z_STREAM_END
    }
    count = unsafe limit - Int(stream.avail_out)
  }
  return isWhole ? Bytes(output) : nil
}
