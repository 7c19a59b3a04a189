// What a connection tells when asked.
#include "internal.h"

void door_peer_close(door_connection *connection, door_close *close) {
  memset(close, 0, sizeof *close);
#if NGTCP2_VERSION_NUM < 0x010000
  door_ccerr why;
  ngtcp2_conn_get_connection_close_error(connection->conn, &why);
#else
  door_ccerr why = *ngtcp2_conn_get_ccerr(connection->conn);
#endif
  close->kind =
      why.type == DOOR_CCERR_APPLICATION ? DOOR_CLOSE_APPLICATION : DOOR_CLOSE_TRANSPORT;
  close->code = why.error_code;
  close->reason = why.reason;
  close->reason_count = why.reason ? why.reasonlen : 0;
}

uint64_t door_failure_code(const door_connection *connection) {
  if (connection->last_error == NGTCP2_ERR_CRYPTO && connection->alert)
    return NGTCP2_CRYPTO_ERROR | connection->alert;
  if (connection->last_error == NGTCP2_ERR_INTERNAL) return NGTCP2_INTERNAL_ERROR;
  return ngtcp2_err_infer_quic_transport_error_code(connection->last_error);
}

const char *door_failure_text(const door_connection *connection) {
  if (connection->last_error == NGTCP2_ERR_CRYPTO && connection->alert) {
    const char *name = gnutls_alert_get_name((gnutls_alert_description_t)connection->alert);
    if (name) return name;
  }
  return ngtcp2_strerror(connection->last_error);
}

const char *door_certificate_refusal(const door_connection *connection) {
  return connection->refusal[0] ? connection->refusal : NULL;
}

size_t door_alpn(const door_connection *connection, const uint8_t **name) {
  gnutls_datum_t selected = {NULL, 0};
  if (gnutls_alpn_get_selected_protocol(connection->session, &selected) < 0) return 0;
  *name = selected.data;
  return selected.size;
}

int door_handshake_is_complete(const door_connection *connection) {
  return ngtcp2_conn_get_handshake_completed(connection->conn);
}

size_t door_connection_ids(const door_connection *connection, door_connection_id *ids,
                           size_t capacity) {
#if NGTCP2_VERSION_NUM < 0x010000
  size_t count = ngtcp2_conn_get_num_scid(connection->conn);
#else
  size_t count = ngtcp2_conn_get_scid(connection->conn, NULL);
#endif
  ngtcp2_cid own[32];
  if (count > sizeof own / sizeof own[0]) return 0;
  ngtcp2_conn_get_scid(connection->conn, own);
  size_t filled = 0;
  while (filled < count && filled < capacity) {
    ids[filled] = door_from_cid(&own[filled]);
    filled++;
  }
  return filled;
}

void door_get_statistics(const door_connection *connection, door_statistics *statistics) {
#if NGTCP2_VERSION_NUM < 0x010000
  ngtcp2_conn_stat now;
  ngtcp2_conn_get_conn_stat(connection->conn, &now);
#else
  ngtcp2_conn_info now;
  ngtcp2_conn_get_conn_info(connection->conn, &now);
#endif
  statistics->smoothed_round_trip = now.smoothed_rtt;
  statistics->congestion_window_bytes = now.cwnd;
  statistics->bytes_in_flight = now.bytes_in_flight;
}
