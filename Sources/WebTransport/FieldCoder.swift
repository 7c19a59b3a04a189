import CNghttp3
import Wire

/// One field of a request or response.
struct Field: Equatable {
  let name: String
  let value: String

  init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }

  /// What it counts for, RFC 9114 §4.2.2.
  var size: Int { name.utf8.count + value.utf8.count + 32 }
}

/// QPACK without a dynamic table, RFC 9204: field sections, and the two streams on which a peer can
/// say nothing but that it leaves the table alone.
@safe final class FieldCoder {
  // Freed in deinit only.
  private let encoder: OpaquePointer
  private let decoder: OpaquePointer
  private let memory = unsafe nghttp3_mem_default()

  init() {
    var encoder: OpaquePointer?
    var decoder: OpaquePointer?
    guard unsafe nghttp3_qpack_encoder_new(&encoder, 0, memory) == 0,
      unsafe nghttp3_qpack_decoder_new(&decoder, 0, 0, memory) == 0,
      let encoder = unsafe encoder, let decoder = unsafe decoder
    else { preconditionFailure("nghttp3 could not allocate a coder") }
    unsafe self.encoder = encoder
    unsafe self.decoder = decoder
  }

  deinit {
    unsafe nghttp3_qpack_encoder_del(encoder)
    unsafe nghttp3_qpack_decoder_del(decoder)
  }

  /// Encodes the fields of a stream's HEADERS frame.
  func encode(_ fields: [Field], stream: UInt64) -> Bytes {
    // Names and values lie one after the other in one array that outlives the call.
    var text: [UInt8] = []
    for field in fields {
      text.append(contentsOf: field.name.utf8)
      text.append(contentsOf: field.value.utf8)
    }
    var result: [UInt8] = []
    unsafe text.withUnsafeMutableBufferPointer { buffer in
      var entries: [nghttp3_nv] = unsafe []
      var offset = 0
      for field in fields {
        let name = field.name.utf8.count
        let value = field.value.utf8.count
        unsafe entries.append(
          unsafe nghttp3_nv(
            name: buffer.baseAddress.map { unsafe $0 + offset },
            value: buffer.baseAddress.map { unsafe $0 + offset + name },
            namelen: name,
            valuelen: value,
            flags: UInt8(NGHTTP3_NV_FLAG_NONE)
          )
        )
        offset += name + value
      }
      var buffers = unsafe (nghttp3_buf(), nghttp3_buf(), nghttp3_buf())
      let status = unsafe nghttp3_qpack_encoder_encode(
        encoder,
        &buffers.0,
        &buffers.1,
        &buffers.2,
        Int64(stream),
        entries,
        entries.count
      )
      precondition(status == 0, "nghttp3 could not encode")
      unsafe take(&buffers.0, into: &result)
      unsafe take(&buffers.1, into: &result)
      // What would go to the encoder stream: nothing, without a table.
      unsafe nghttp3_buf_free(&buffers.2, memory)
    }
    return Bytes(result)
  }

  private func take(_ buffer: inout nghttp3_buf, into result: inout [UInt8]) {
    let written = unsafe UnsafeBufferPointer(
      start: buffer.pos,
      count: nghttp3_buf_len(&buffer)
    )
    unsafe result.append(contentsOf: written)
    unsafe nghttp3_buf_free(&buffer, memory)
  }

  /// Decodes the value of a HEADERS frame; throws when it is broken or more than the limits allow.
  func decode(
    _ section: Bytes,
    stream: UInt64,
    limits: WebTransportLimits
  ) throws(HTTP3Violation) -> [Field] {
    var context: OpaquePointer?
    guard unsafe nghttp3_qpack_stream_context_new(&context, Int64(stream), memory) == 0 else {
      preconditionFailure("nghttp3 could not allocate a stream's context")
    }
    defer { unsafe nghttp3_qpack_stream_context_del(context) }
    var fields: [Field] = []
    var size = 0
    var rest = section
    while true {
      var field: Field?
      var flags: UInt8 = 0
      let count = unsafe read(rest, context, &field, &flags)
      guard count >= 0, flags & UInt8(NGHTTP3_QPACK_DECODE_FLAG_BLOCKED) == 0 else {
        throw HTTP3Violation(.decompressionFailed, "a field section can't be read")
      }
      rest = rest.suffix(from: count)
      if let field {
        fields.append(field)
        size += field.size
        guard fields.count <= limits.fields, size <= limits.fieldSectionBytes else {
          throw HTTP3Violation(.excessiveLoad, "a field section is too large")
        }
      }
      if flags & UInt8(NGHTTP3_QPACK_DECODE_FLAG_FINAL) != 0 { return fields }
      guard count > 0 || field != nil else {
        throw HTTP3Violation(.decompressionFailed, "a field section ends early")
      }
    }
  }

  private func read(
    _ bytes: Bytes,
    _ context: OpaquePointer?,
    _ field: inout Field?,
    _ flags: inout UInt8
  ) -> Int {
    var entry = unsafe nghttp3_qpack_nv()
    let count = unsafe bytes.slice.withUnsafeBufferPointer { buffer in
      unsafe nghttp3_qpack_decoder_read_request(
        decoder,
        context,
        &entry,
        &flags,
        buffer.baseAddress,
        buffer.count,
        1
      )
    }
    guard count >= 0, flags & UInt8(NGHTTP3_QPACK_DECODE_FLAG_EMIT) != 0 else { return count }
    field = unsafe Field(text(entry.name), text(entry.value))
    unsafe nghttp3_rcbuf_decref(entry.name)
    unsafe nghttp3_rcbuf_decref(entry.value)
    return count
  }

  private func text(_ buffer: OpaquePointer?) -> String {
    let bytes = unsafe nghttp3_rcbuf_get_buf(buffer)
    return unsafe String(
      decoding: UnsafeBufferPointer(start: bytes.base, count: bytes.len),
      as: UTF8.self
    )
  }

  /// Takes bytes of the peer's encoder stream; throws when they would fill the table.
  func readEncoderStream(_ bytes: Bytes) throws(HTTP3Violation) {
    let count = unsafe bytes.slice.withUnsafeBufferPointer { buffer in
      unsafe nghttp3_qpack_decoder_read_encoder(decoder, buffer.baseAddress, buffer.count)
    }
    guard count >= 0 else {
      throw HTTP3Violation(.encoderStreamError, "the QPACK encoder stream can't be read")
    }
  }

  /// Takes bytes of the peer's decoder stream; throws when they acknowledge what was never sent.
  func readDecoderStream(_ bytes: Bytes) throws(HTTP3Violation) {
    let count = unsafe bytes.slice.withUnsafeBufferPointer { buffer in
      unsafe nghttp3_qpack_encoder_read_decoder(encoder, buffer.baseAddress, buffer.count)
    }
    guard count >= 0 else {
      throw HTTP3Violation(.decoderStreamError, "the QPACK decoder stream can't be read")
    }
  }
}
