// Packets out of a connection.
#include "guard.h"

static int64_t written_outcome(door_connection *connection, ngtcp2_ssize result,
                               const ngtcp2_path_storage *storage, const ngtcp2_pkt_info *info,
                               door_written *written) {
  door_settle(connection);
  if (result > 0) {
    written->congestion_mark = (uint8_t)info->ecn;
    if (storage->path.remote.addrlen) {
      door_address remote;
      door_from_sockaddr(storage->path.remote.addr, &remote);
      written->remote_changed = !connection->has_last_remote ||
                                memcmp(&remote, &connection->last_remote, sizeof remote) != 0;
      connection->last_remote = written->remote = remote;
      connection->has_last_remote = 1;
    }
    return result;
  }
  switch (result) {
    case 0:
      return 0;
    case NGTCP2_ERR_WRITE_MORE:
      return DOOR_WRITE_MORE;
    case NGTCP2_ERR_STREAM_DATA_BLOCKED:
      return DOOR_STREAM_BLOCKED;
    case NGTCP2_ERR_STREAM_SHUT_WR:
    case NGTCP2_ERR_STREAM_NOT_FOUND:
      return DOOR_STREAM_SHUT;
    default:
      return door_outcome(connection, (int)result);
  }
}

int64_t door_write_stream(door_connection *connection, uint8_t *into, size_t capacity,
                          int64_t stream, const door_slice *slices, size_t count, int is_final,
                          uint64_t now, door_written *written) {
  DOOR_GUARD(connection, DOOR_FAILED);
  ngtcp2_path_storage storage;
  ngtcp2_path_storage_zero(&storage);
  ngtcp2_pkt_info info = {0};
  ngtcp2_vec vectors[DOOR_MAX_SLICES];
  if (count > DOOR_MAX_SLICES) count = DOOR_MAX_SLICES;
  for (size_t index = 0; index < count; index++) {
    vectors[index].base = (uint8_t *)(uintptr_t)slices[index].bytes;
    vectors[index].len = slices[index].count;
  }
  ngtcp2_ssize accepted = -1;
  uint32_t flags = NGTCP2_WRITE_STREAM_FLAG_MORE;
  if (is_final) flags |= NGTCP2_WRITE_STREAM_FLAG_FIN;
  memset(written, 0, sizeof *written);
  ngtcp2_ssize result = ngtcp2_conn_writev_stream(
      connection->conn, &storage.path, &info, into, capacity, &accepted, flags, stream, vectors,
      count, now);
  written->accepted = accepted;
  return written_outcome(connection, result, &storage, &info, written);
}

int64_t door_write_datagram(door_connection *connection, uint8_t *into, size_t capacity,
                            const uint8_t *bytes, size_t count, uint64_t now,
                            door_written *written) {
  DOOR_GUARD(connection, DOOR_FAILED);
  ngtcp2_path_storage storage;
  ngtcp2_path_storage_zero(&storage);
  ngtcp2_pkt_info info = {0};
  ngtcp2_vec vector = {(uint8_t *)(uintptr_t)bytes, count};
  int accepted = 0;
  memset(written, 0, sizeof *written);
  ngtcp2_ssize result = ngtcp2_conn_writev_datagram(connection->conn, &storage.path, &info, into,
                                                    capacity, &accepted,
                                                    NGTCP2_WRITE_DATAGRAM_FLAG_MORE, 0, &vector,
                                                    count ? 1 : 0, now);
  if (result == NGTCP2_ERR_INVALID_STATE || result == NGTCP2_ERR_INVALID_ARGUMENT)
    return DOOR_STREAM_SHUT;
  written->accepted = accepted ? 0 : -1;
  return written_outcome(connection, result, &storage, &info, written);
}

int64_t door_write(door_connection *connection, uint8_t *into, size_t capacity, uint64_t now,
                   door_written *written) {
  DOOR_GUARD(connection, DOOR_FAILED);
  ngtcp2_path_storage storage;
  ngtcp2_path_storage_zero(&storage);
  ngtcp2_pkt_info info = {0};
  memset(written, 0, sizeof *written);
  written->accepted = -1;
  ngtcp2_ssize result = ngtcp2_conn_writev_stream(connection->conn, &storage.path, &info, into,
                                                  capacity, NULL, NGTCP2_WRITE_STREAM_FLAG_NONE,
                                                  -1, NULL, 0, now);
  return written_outcome(connection, result, &storage, &info, written);
}

void door_burst_written(door_connection *connection, uint64_t now) {
  DOOR_GUARD(connection, );
  ngtcp2_conn_update_pkt_tx_time(connection->conn, now);
}

int door_burst_forgotten(door_connection *connection, uint64_t now) {
  DOOR_GUARD(connection, DOOR_FAILED);
  // ngtcp2 counts bytes until it is told the time, and would let all that was ever sent pass as one
  // burst. Told a time long ago, it counts anew, with a timer that has expired; a timer costs its owner
  // a turn of the loop, so it is taken away at once.
  ngtcp2_conn_update_pkt_tx_time(connection->conn, 0);
  int result = ngtcp2_conn_handle_expiry(connection->conn, now);
  return result == 0 ? DOOR_OK : door_outcome(connection, result);
}

size_t door_burst_bytes(const door_connection *connection) {
  return ngtcp2_conn_get_send_quantum(connection->conn);
}

uint64_t door_connection_credit(const door_connection *connection) {
  return ngtcp2_conn_get_max_data_left(connection->conn);
}

size_t door_datagram_capacity(const door_connection *connection) {
  const ngtcp2_transport_params *peer =
      ngtcp2_conn_get_remote_transport_params(connection->conn);
  if (!peer || peer->max_datagram_frame_size == 0) return 0;
  size_t packet = ngtcp2_conn_get_path_max_tx_udp_payload_size(connection->conn);
  // RFC 9000 section 17.3.1 and RFC 9221 section 4: first byte, connection id, packet number, AEAD
  // tag; then the frame's type and length.
  size_t overhead = 1 + ngtcp2_conn_get_dcid(connection->conn)->datalen + 4 + 16 + 1 + 2;
  size_t capacity = packet > overhead ? packet - overhead : 0;
  uint64_t allowed = peer->max_datagram_frame_size > 3 ? peer->max_datagram_frame_size - 3 : 0;
  return allowed < capacity ? (size_t)allowed : capacity;
}

static int64_t write_close(door_connection *connection, uint8_t *into, size_t capacity,
                           const door_ccerr *why, uint64_t now, door_written *written) {
  DOOR_GUARD(connection, DOOR_FAILED);
  ngtcp2_path_storage storage;
  ngtcp2_path_storage_zero(&storage);
  ngtcp2_pkt_info info = {0};
  memset(written, 0, sizeof *written);
  ngtcp2_ssize result = ngtcp2_conn_write_connection_close(connection->conn, &storage.path, &info,
                                                           into, capacity, why, now);
  // Before the first packet there is nothing to close; that is no failure.
  if (result < 0) return 0;
  return written_outcome(connection, result, &storage, &info, written);
}

int64_t door_write_application_close(door_connection *connection, uint8_t *into, size_t capacity,
                                     uint64_t code, const uint8_t *reason, size_t count,
                                     uint64_t now, door_written *written) {
  door_ccerr why;
  door_ccerr_default(&why);
  if (ngtcp2_conn_get_handshake_completed(connection->conn))
    door_ccerr_set_application(&why, code, (uint8_t *)(uintptr_t)reason, count);
  else
    // RFC 9000 section 10.2.3: not before the keys that only the peer has.
    door_ccerr_set_transport(&why, NGTCP2_APPLICATION_ERROR, NULL, 0);
  return write_close(connection, into, capacity, &why, now, written);
}

int64_t door_write_failure_close(door_connection *connection, uint8_t *into, size_t capacity,
                                 uint64_t now, door_written *written) {
  door_ccerr why;
  door_ccerr_default(&why);
  if (connection->last_error == NGTCP2_ERR_CRYPTO && connection->alert)
    door_ccerr_set_alert(&why, connection->alert, NULL, 0);
  else
    door_ccerr_set_liberr(&why, connection->last_error, NULL, 0);
  return write_close(connection, into, capacity, &why, now, written);
}
