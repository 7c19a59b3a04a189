// One QUIC connection: making it, feeding it, and what its callbacks leave behind.
#define _GNU_SOURCE
#include <gnutls/crypto.h>
#include <stdlib.h>

#include "guard.h"

// RFC 7301 section 3.2: no_application_protocol.
enum { no_application_protocol = 120 };

static void push(door_ids *list, int64_t id) {
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? list->capacity * 2 : 64;
    int64_t *ids = realloc(list->ids, capacity * sizeof *ids);
    if (!ids) return;  // costs one stream's memory until the connection ends
    list->ids = ids;
    list->capacity = capacity;
  }
  list->ids[list->count++] = id;
}

static int is_remote(door_connection *connection, int64_t stream) {
  return !ngtcp2_conn_is_local_stream(connection->conn, stream);
}

// --- ngtcp2's callbacks

static ngtcp2_conn *get_conn(ngtcp2_crypto_conn_ref *reference) {
  return ((door_connection *)reference->user_data)->conn;
}

static void random_bytes(uint8_t *into, size_t count, const ngtcp2_rand_ctx *context) {
  (void)context;
  (void)gnutls_rnd(GNUTLS_RND_RANDOM, into, count);
}

static int new_connection_id(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t length,
                             void *user_data) {
  (void)conn;
  door_connection *connection = user_data;
  if (gnutls_rnd(GNUTLS_RND_RANDOM, cid->data, length) != 0) return NGTCP2_ERR_CALLBACK_FAILURE;
  cid->datalen = length;
  if (ngtcp2_crypto_generate_stateless_reset_token(token, connection->secret, DOOR_SECRET_BYTES,
                                                   cid) != 0)
    return NGTCP2_ERR_CALLBACK_FAILURE;
  door_connection_id id = door_from_cid(cid);
  connection->callbacks.connection_id_added(connection->context, &id);
  return 0;
}

static int remove_connection_id(ngtcp2_conn *conn, const ngtcp2_cid *cid, void *user_data) {
  (void)conn;
  door_connection *connection = user_data;
  door_connection_id id = door_from_cid(cid);
  connection->callbacks.connection_id_retired(connection->context, &id);
  return 0;
}

static int handshake_completed(ngtcp2_conn *conn, void *user_data) {
  (void)conn;
  door_connection *connection = user_data;
  const uint8_t *name = NULL;
  size_t count = door_alpn(connection, &name);
  // RFC 9001 section 8.1: without an agreed protocol there is no connection.
  if (count == 0) {
    connection->lacks_protocol = 1;
    return NGTCP2_ERR_CALLBACK_FAILURE;
  }
  connection->callbacks.handshake_completed(connection->context, name, count);
  return 0;
}

static int stream_open(ngtcp2_conn *conn, int64_t stream, void *user_data) {
  (void)conn;
  door_connection *connection = user_data;
  connection->callbacks.stream_opened(connection->context, stream);
  return 0;
}

static int recv_stream_data(ngtcp2_conn *conn, uint32_t flags, int64_t stream, uint64_t offset,
                            const uint8_t *bytes, size_t count, void *user_data,
                            void *stream_user_data) {
  (void)conn, (void)offset, (void)stream_user_data;
  door_connection *connection = user_data;
  int is_final = (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0;
  if (is_final && !ngtcp2_is_bidi_stream(stream)) push(&connection->ended, stream);
  connection->callbacks.stream_data(connection->context, stream, bytes, count, is_final);
  return 0;
}

static int stream_reset(ngtcp2_conn *conn, int64_t stream, uint64_t final_size, uint64_t code,
                        void *user_data, void *stream_user_data) {
  (void)conn, (void)final_size, (void)stream_user_data;
  door_connection *connection = user_data;
  if (!ngtcp2_is_bidi_stream(stream)) push(&connection->ended, stream);
  connection->callbacks.stream_reset(connection->context, stream, code);
  return 0;
}

static int stream_close(ngtcp2_conn *conn, uint32_t flags, int64_t stream, uint64_t code,
                        void *user_data, void *stream_user_data) {
  (void)conn, (void)stream_user_data;
  door_connection *connection = user_data;
  if (is_remote(connection, stream)) {
    if (ngtcp2_is_bidi_stream(stream))
      connection->closed_bidi++;
    else
      connection->closed_uni++;
  }
  connection->callbacks.stream_closed(connection->context, stream,
                                      (flags & NGTCP2_STREAM_CLOSE_FLAG_APP_ERROR_CODE_SET) != 0,
                                      code);
  return 0;
}

static int acked_stream_data(ngtcp2_conn *conn, int64_t stream, uint64_t offset, uint64_t count,
                             void *user_data, void *stream_user_data) {
  (void)conn, (void)stream_user_data;
  door_connection *connection = user_data;
  connection->callbacks.stream_acknowledged(connection->context, stream, offset + count);
  return 0;
}

static int extend_max_stream_data(ngtcp2_conn *conn, int64_t stream, uint64_t max,
                                  void *user_data, void *stream_user_data) {
  (void)conn, (void)max, (void)stream_user_data;
  door_connection *connection = user_data;
  connection->callbacks.stream_unblocked(connection->context, stream);
  return 0;
}

static int extend_local_bidi(ngtcp2_conn *conn, uint64_t max, void *user_data) {
  (void)conn, (void)max;
  door_connection *connection = user_data;
  connection->callbacks.stream_credit(connection->context, 1);
  return 0;
}

static int extend_local_uni(ngtcp2_conn *conn, uint64_t max, void *user_data) {
  (void)conn, (void)max;
  door_connection *connection = user_data;
  connection->callbacks.stream_credit(connection->context, 0);
  return 0;
}

static int recv_datagram(ngtcp2_conn *conn, uint32_t flags, const uint8_t *bytes, size_t count,
                         void *user_data) {
  (void)conn, (void)flags;
  door_connection *connection = user_data;
  connection->callbacks.datagram(connection->context, bytes, count);
  return 0;
}

static int recv_stateless_reset(ngtcp2_conn *conn, const ngtcp2_pkt_stateless_reset *reset,
                                void *user_data) {
  (void)conn, (void)reset;
  ((door_connection *)user_data)->stateless_reset = 1;
  return 0;
}

static ngtcp2_callbacks callback_table(int is_server) {
  ngtcp2_callbacks table = {
      .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
      .handshake_completed = handshake_completed,
      .encrypt = ngtcp2_crypto_encrypt_cb,
      .decrypt = ngtcp2_crypto_decrypt_cb,
      .hp_mask = ngtcp2_crypto_hp_mask_cb,
      .recv_stream_data = recv_stream_data,
      .acked_stream_data_offset = acked_stream_data,
      .stream_open = stream_open,
      .stream_close = stream_close,
      .recv_stateless_reset = recv_stateless_reset,
      .extend_max_local_streams_bidi = extend_local_bidi,
      .extend_max_local_streams_uni = extend_local_uni,
      .rand = random_bytes,
      .get_new_connection_id = new_connection_id,
      .remove_connection_id = remove_connection_id,
      .update_key = ngtcp2_crypto_update_key_cb,
      .stream_reset = stream_reset,
      .extend_max_stream_data = extend_max_stream_data,
      .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
      .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
      .recv_datagram = recv_datagram,
      .get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
      .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
  };
  if (is_server) {
    table.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
  } else {
    table.client_initial = ngtcp2_crypto_client_initial_cb;
    table.recv_retry = ngtcp2_crypto_recv_retry_cb;
  }
  return table;
}

// --- Making and freeing

static void fill_settings(ngtcp2_settings *out, ngtcp2_transport_params *parameters,
                          const door_settings *settings, uint64_t now) {
  ngtcp2_settings_default(out);
  out->initial_ts = now;
  out->handshake_timeout = settings->handshake_timeout;
  out->no_pmtud = !settings->discover_mtu;
  ngtcp2_transport_params_default(parameters);
  parameters->initial_max_stream_data_bidi_local = settings->stream_window_bytes;
  parameters->initial_max_stream_data_bidi_remote = settings->stream_window_bytes;
  parameters->initial_max_stream_data_uni = settings->stream_window_bytes;
  parameters->initial_max_data = settings->connection_window_bytes;
  parameters->initial_max_streams_bidi = settings->max_remote_bidi_streams;
  parameters->initial_max_streams_uni = settings->max_remote_uni_streams;
  parameters->max_idle_timeout = settings->idle_timeout;
  parameters->max_datagram_frame_size = settings->max_datagram_bytes;
  parameters->active_connection_id_limit = 7;
}

static door_connection *allocate(const door_credentials *credentials, const char *server_name,
                                 const uint8_t secret[DOOR_SECRET_BYTES],
                                 const door_callbacks *callbacks, void *context) {
  door_connection *connection = calloc(1, sizeof *connection);
  if (!connection) return NULL;
  connection->reference.get_conn = get_conn;
  connection->reference.user_data = connection;
  connection->credentials = credentials;
  connection->memory = door_counted_memory(connection);
  connection->callbacks = *callbacks;
  connection->context = context;
  connection->server_name = strdup(server_name);
  if (secret) memcpy(connection->secret, secret, DOOR_SECRET_BYTES);
  if (!connection->server_name ||
      (!secret && door_random(connection->secret, DOOR_SECRET_BYTES) != DOOR_OK)) {
    door_free(connection);
    return NULL;
  }
  return connection;
}

static door_connection *finish(door_connection *connection, int result, int is_server,
                               const uint8_t *alpn, size_t alpn_count,
                               const door_settings *settings, char text[DOOR_TEXT_BYTES]) {
  if (result != 0) {
    door_say(text, "QUIC connection", ngtcp2_strerror(result));
    door_free(connection);
    return NULL;
  }
  result = door_start_tls(connection, is_server, alpn, alpn_count);
  if (result < 0) {
    door_say(text, "TLS session", gnutls_strerror(result));
    door_free(connection);
    return NULL;
  }
  ngtcp2_conn_set_tls_native_handle(connection->conn, connection->session);
  if (settings->keep_alive)
    ngtcp2_conn_set_keep_alive_timeout(connection->conn, settings->keep_alive);
  return connection;
}

// A path from this side's address to the peer's; it points into `remote`.
static ngtcp2_path make_path(door_connection *connection, const door_address *address,
                             door_sockaddr *remote) {
  ngtcp2_path path = {
      .local = {&connection->local.any, connection->local_length},
      .remote = {&remote->any, door_to_sockaddr(address, remote)},
  };
  return path;
}

door_connection *door_connect(const door_settings *settings, door_credentials *credentials,
                              const uint8_t *alpn, size_t alpn_count, const char *server_name,
                              const door_address *local, const door_address *remote,
                              const door_callbacks *callbacks, void *context, uint64_t now,
                              char text[DOOR_TEXT_BYTES]) {
  door_connection *connection =
      allocate(credentials, server_name, NULL, callbacks, context);
  if (!connection) {
    door_say(text, "QUIC connection", "out of memory or of random bytes");
    return NULL;
  }
  connection->local_length = door_to_sockaddr(local, &connection->local);
  door_sockaddr address;
  ngtcp2_path path = make_path(connection, remote, &address);
  ngtcp2_settings own;
  ngtcp2_transport_params parameters;
  fill_settings(&own, &parameters, settings, now);
  ngtcp2_cid destination = {.datalen = 16}, source = {.datalen = DOOR_CONNECTION_ID_LENGTH};
  int result = NGTCP2_ERR_INTERNAL;
  if (door_random(destination.data, destination.datalen) == DOOR_OK &&
      door_random(source.data, source.datalen) == DOOR_OK) {
    ngtcp2_callbacks table = callback_table(0);
    result = ngtcp2_conn_client_new(&connection->conn, &destination, &source, &path,
                                    NGTCP2_PROTO_VER_V1, &table, &own, &parameters,
                                    &connection->memory, connection);
  }
  return finish(connection, result, 0, alpn, alpn_count, settings, text);
}

door_connection *door_accept(const door_settings *settings, door_credentials *credentials,
                             const uint8_t *alpn, size_t alpn_count, const door_header *header,
                             const door_connection_id *original,
                             const uint8_t secret[DOOR_SECRET_BYTES], const door_address *local,
                             const door_address *remote, const door_callbacks *callbacks,
                             void *context, uint64_t now, char text[DOOR_TEXT_BYTES]) {
  door_connection *connection = allocate(credentials, "", secret, callbacks, context);
  if (!connection) {
    door_say(text, "QUIC connection", "out of memory or of random bytes");
    return NULL;
  }
  connection->local_length = door_to_sockaddr(local, &connection->local);
  door_sockaddr address;
  ngtcp2_path path = make_path(connection, remote, &address);
  ngtcp2_settings own;
  ngtcp2_transport_params parameters;
  fill_settings(&own, &parameters, settings, now);
  ngtcp2_cid client = door_to_cid(&header->source);
  ngtcp2_cid destination = door_to_cid(&header->destination);
  ngtcp2_cid source = {.datalen = DOOR_CONNECTION_ID_LENGTH};
  parameters.original_dcid = original ? door_to_cid(original) : destination;
#if NGTCP2_VERSION_NUM >= 0x010000
  parameters.original_dcid_present = 1;
#endif
  if (original) {
    parameters.retry_scid = destination;
    parameters.retry_scid_present = 1;
#if NGTCP2_VERSION_NUM < 0x010000
    own.token.base = (uint8_t *)(uintptr_t)header->token;
    own.token.len = header->token_count;
#else
    own.token = header->token;
    own.tokenlen = header->token_count;
    own.token_type = NGTCP2_TOKEN_TYPE_RETRY;
#endif
  }
  int result = NGTCP2_ERR_INTERNAL;
  if (door_random(source.data, source.datalen) == DOOR_OK &&
      ngtcp2_crypto_generate_stateless_reset_token(parameters.stateless_reset_token, secret,
                                                   DOOR_SECRET_BYTES, &source) == 0) {
    parameters.stateless_reset_token_present = 1;
    ngtcp2_callbacks table = callback_table(1);
    result = ngtcp2_conn_server_new(&connection->conn, &client, &source, &path, header->version,
                                    &table, &own, &parameters, &connection->memory,
                                    connection);
  }
  return finish(connection, result, 1, alpn, alpn_count, settings, text);
}

void door_free(door_connection *connection) {
  if (!connection) return;
  if (!connection->is_broken) {
    if (connection->conn) ngtcp2_conn_del(connection->conn);
    if (connection->session) gnutls_deinit(connection->session);
  }
  free(connection->ended.ids);
  free(connection->server_name);
  free(connection);
}

// --- Reading

// Does what callbacks must not: closes remote streams that have ended, and returns their credit.
void door_settle(door_connection *connection) {
  door_reap(connection);
  if (connection->closed_uni)
    ngtcp2_conn_extend_max_streams_uni(connection->conn, connection->closed_uni);
  if (connection->closed_bidi)
    ngtcp2_conn_extend_max_streams_bidi(connection->conn, connection->closed_bidi);
  connection->closed_uni = connection->closed_bidi = 0;
}

int door_outcome(door_connection *connection, int result) {
  switch (result) {
    case NGTCP2_ERR_DRAINING:
      return connection->stateless_reset ? DOOR_STATELESS_RESET : DOOR_DRAINING;
    case NGTCP2_ERR_CLOSING:
      return DOOR_CLOSING;
    case NGTCP2_ERR_IDLE_CLOSE:
      return DOOR_IDLE_TIMEOUT;
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
      return DOOR_HANDSHAKE_TIMEOUT;
    case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
      return DOOR_VERSION_NEGOTIATION;
    case NGTCP2_ERR_DROP_CONN:
      return DOOR_DROP;
    case NGTCP2_ERR_RETRY:
      return DOOR_RETRY;
    default:
      break;
  }
  connection->last_error = result;
  if (connection->lacks_protocol) {
    connection->last_error = NGTCP2_ERR_CRYPTO;
    connection->alert = no_application_protocol;
    return DOOR_TLS_FAILED;
  }
  if (result == NGTCP2_ERR_CRYPTO) {
    connection->alert = ngtcp2_conn_get_tls_alert(connection->conn);
    return DOOR_TLS_FAILED;
  }
  return DOOR_FAILED;
}

int door_read(door_connection *connection, const uint8_t *datagrams, size_t count, size_t size,
              const door_address *remote, uint8_t congestion_mark, uint64_t now) {
  DOOR_GUARD(connection, DOOR_FAILED);
  door_sockaddr address;
  ngtcp2_path path = make_path(connection, remote, &address);
  ngtcp2_pkt_info info = {.ecn = congestion_mark & 3};
  while (count > 0) {
    size_t length = size < count ? size : count;
    int result = ngtcp2_conn_read_pkt(connection->conn, &path, &info, datagrams, length, now);
    if (result == NGTCP2_ERR_DISCARD_PKT) result = 0;
    if (result != 0) return door_outcome(connection, result);
    door_settle(connection);
    datagrams += length;
    count -= length;
  }
  return DOOR_OK;
}

int door_handle_expiry(door_connection *connection, uint64_t now) {
  DOOR_GUARD(connection, DOOR_FAILED);
  int result = ngtcp2_conn_handle_expiry(connection->conn, now);
  if (result != 0) return door_outcome(connection, result);
  door_settle(connection);
  return DOOR_OK;
}

uint64_t door_expiry(const door_connection *connection) {
  return ngtcp2_conn_get_expiry(connection->conn);
}

uint64_t door_probe_timeout(const door_connection *connection) {
  return ngtcp2_conn_get_pto(connection->conn);
}
