// What the owner asks of streams, and the cure for streams that ngtcp2 forgets to close.
#include "guard.h"

// ngtcp2 before 0.14 never closes streams that the peer opened for one direction, and with a
// STOP_SENDING of ours it doesn't even tell of their end. Its own functions do it when called from
// outside; they are visible in the static library only.
#if NGTCP2_VERSION_NUM < 0x000e00
#define DOOR_REAPS_STREAMS 1
struct ngtcp2_strm;
extern struct ngtcp2_strm *ngtcp2_conn_find_stream(ngtcp2_conn *conn, int64_t stream_id);
extern int ngtcp2_conn_close_stream(ngtcp2_conn *conn, struct ngtcp2_strm *stream);

// Where the fields of a stream are on a 64-bit machine; trusted only when the id is where it
// should be.
enum { stream_id_offset = 144, stream_flags_offset = 160, stream_code_offset = 168 };
enum { flag_stop_sending = 0x10, flag_code_set = 0x100 };

static unsigned char *known_stream(const ngtcp2_conn *conn, int64_t id) {
  unsigned char *stream =
      (unsigned char *)ngtcp2_conn_find_stream((ngtcp2_conn *)(uintptr_t)conn, id);
  int64_t found = -1;
  if (stream && sizeof(void *) == 8) memcpy(&found, stream + stream_id_offset, sizeof found);
  return found == id ? stream : NULL;
}
#else
#define DOOR_REAPS_STREAMS 0
#endif

void door_reap(door_connection *connection) {
#if DOOR_REAPS_STREAMS
  for (size_t index = 0; index < connection->ended.count; index++) {
    // A stream that was reset before it was seen has no record, and has its credit back already.
    struct ngtcp2_strm *stream =
        ngtcp2_conn_find_stream(connection->conn, connection->ended.ids[index]);
    if (stream) ngtcp2_conn_close_stream(connection->conn, stream);
  }
#endif
  connection->ended.count = 0;
}

int64_t door_open_stream(door_connection *connection, int bidirectional) {
  DOOR_GUARD(connection, DOOR_NO_CREDIT);
  int64_t stream = -1;
  int result = bidirectional ? ngtcp2_conn_open_bidi_stream(connection->conn, &stream, NULL)
                             : ngtcp2_conn_open_uni_stream(connection->conn, &stream, NULL);
  return result == 0 ? stream : DOOR_NO_CREDIT;
}

int door_reset(door_connection *connection, int64_t stream, uint64_t code) {
  DOOR_GUARD(connection, DOOR_FAILED);
#if NGTCP2_VERSION_NUM < 0x010000
  int result = ngtcp2_conn_shutdown_stream_write(connection->conn, stream, code);
#else
  int result = ngtcp2_conn_shutdown_stream_write(connection->conn, 0, stream, code);
#endif
  return result == 0 ? DOOR_OK : DOOR_FAILED;
}

int door_stop_sending(door_connection *connection, int64_t stream, uint64_t code) {
  DOOR_GUARD(connection, DOOR_FAILED);
#if NGTCP2_VERSION_NUM < 0x010000
  int result = ngtcp2_conn_shutdown_stream_read(connection->conn, stream, code);
#else
  int result = ngtcp2_conn_shutdown_stream_read(connection->conn, 0, stream, code);
#endif
#if DOOR_REAPS_STREAMS
  // Go on hearing of the stream: else its end passes unseen and it is never closed. Whoever calls
  // gives the credit of what still arrives back.
  unsigned char *record = known_stream(connection->conn, stream);
  if (result == 0 && record && !ngtcp2_is_bidi_stream(stream)) {
    uint32_t flags;
    memcpy(&flags, record + stream_flags_offset, sizeof flags);
    flags &= ~(uint32_t)flag_stop_sending;
    memcpy(record + stream_flags_offset, &flags, sizeof flags);
  }
#endif
  return result == 0 ? DOOR_OK : DOOR_FAILED;
}

int64_t door_stop_code(const door_connection *connection, int64_t stream) {
#if DOOR_REAPS_STREAMS
  const unsigned char *record = known_stream(connection->conn, stream);
  if (!record) return -1;
  uint32_t flags;
  uint64_t code;
  memcpy(&flags, record + stream_flags_offset, sizeof flags);
  memcpy(&code, record + stream_code_offset, sizeof code);
  return flags & flag_code_set ? (int64_t)code : -1;
#else
  (void)connection, (void)stream;
  return -1;
#endif
}

void door_extend_stream(door_connection *connection, int64_t stream, uint64_t count) {
  DOOR_GUARD(connection, );
  (void)ngtcp2_conn_extend_max_stream_offset(connection->conn, stream, count);
}

void door_extend_connection(door_connection *connection, uint64_t count) {
  DOOR_GUARD(connection, );
  ngtcp2_conn_extend_max_offset(connection->conn, count);
}
