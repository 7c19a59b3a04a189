// One QUIC connection: making it, feeding it, and what its callbacks leave behind.
#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <malloc.h>
#include <stdlib.h>

#include "internal.h"

// AES first: GnuTLS is three times slower at ChaCha20.
static const char priorities[] =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:"
    "-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1:"
    "%DISABLE_TLS13_COMPAT_MODE";

// RFC 7301 section 3.2: no_application_protocol.
enum { no_application_protocol = 120 };

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

// --- TLS

static int refuse(door_connection *connection, const char *why) {
  snprintf(connection->refusal, sizeof connection->refusal, "%s", why);
  return GNUTLS_E_CERTIFICATE_ERROR;
}

static int verify_fingerprint(door_connection *connection, gnutls_session_t session) {
  unsigned count = 0;
  const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
  if (!chain || count == 0) return refuse(connection, "the peer sent no certificate");
  uint8_t digest[32];
  size_t length = sizeof digest;
  if (gnutls_fingerprint(GNUTLS_DIG_SHA256, &chain[0], digest, &length) < 0 || length != 32)
    return refuse(connection, "the certificate has no SHA-256 fingerprint");
  const door_credentials *credentials = connection->credentials;
  for (size_t index = 0; index < credentials->fingerprint_count; index++)
    if (memcmp(credentials->fingerprints + index * 32, digest, 32) == 0) return 0;
  char why[160] = "SHA-256 fingerprint ";
  size_t used = strlen(why);
  for (size_t index = 0; index < 32; index++, used += 2)
    snprintf(why + used, sizeof why - used, "%02x", digest[index]);
  snprintf(why + used, sizeof why - used, " is not one of those pinned");
  return refuse(connection, why);
}

static int verify_peer(gnutls_session_t session) {
  door_connection *connection = gnutls_session_get_ptr(session);
  if (connection->credentials->trust == DOOR_TRUST_FINGERPRINTS)
    return verify_fingerprint(connection, session);
  unsigned status = 0;
  int result = gnutls_certificate_verify_peers3(session, connection->server_name, &status);
  if (result < 0) return refuse(connection, gnutls_strerror(result));
  if (status == 0) return 0;
  gnutls_datum_t why = {NULL, 0};
  if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &why, 0) < 0)
    return refuse(connection, "the certificate is not trusted");
  refuse(connection, (const char *)why.data);
  gnutls_free(why.data);
  return GNUTLS_E_CERTIFICATE_ERROR;
}

static int is_ip_literal(const char *name) {
  unsigned char address[16];
  return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static int start_tls(door_connection *connection, int is_server, const uint8_t *alpn,
                     size_t alpn_count) {
  int result = gnutls_init(&connection->session, (is_server ? GNUTLS_SERVER : GNUTLS_CLIENT) |
                                                     GNUTLS_NO_END_OF_EARLY_DATA);
  if (result < 0) return result;
  gnutls_session_t session = connection->session;
  if ((is_server ? ngtcp2_crypto_gnutls_configure_server_session(session)
                 : ngtcp2_crypto_gnutls_configure_client_session(session)) != 0)
    return GNUTLS_E_INTERNAL_ERROR;
  gnutls_session_set_ptr(session, &connection->reference);
  result = gnutls_priority_set_direct(session, priorities, NULL);
  if (result < 0) return result;
  result = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE,
                                  connection->credentials->certificates);
  if (result < 0) return result;

  gnutls_datum_t names[16];
  unsigned count = 0;
  for (size_t at = 0; at < alpn_count && count < 16; at += 1 + (size_t)alpn[at]) {
    if (alpn[at] == 0 || alpn[at] > alpn_count - at - 1) return GNUTLS_E_INVALID_REQUEST;
    names[count].data = (unsigned char *)alpn + at + 1;
    names[count++].size = alpn[at];
  }
  if (count == 0) return GNUTLS_E_INVALID_REQUEST;
  result = gnutls_alpn_set_protocols(
      session, names, count,
      is_server ? GNUTLS_ALPN_MANDATORY | GNUTLS_ALPN_SERVER_PRECEDENCE : GNUTLS_ALPN_MANDATORY);
  if (result < 0 || is_server) return result;

  // RFC 6066 section 3: a literal address is no server name.
  if (!is_ip_literal(connection->server_name)) {
    result = gnutls_server_name_set(session, GNUTLS_NAME_DNS, connection->server_name,
                                    strlen(connection->server_name));
    if (result < 0) return result;
  }
  if (connection->credentials->trust != DOOR_TRUST_ANYONE)
    gnutls_session_set_verify_function(session, verify_peer);
  return 0;
}

// --- Memory, counted for each connection

static void *counted_malloc(size_t count, void *user_data) {
  void *memory = malloc(count);
  ((door_connection *)user_data)->heap_bytes += malloc_usable_size(memory);
  return memory;
}

static void counted_free(void *memory, void *user_data) {
  ((door_connection *)user_data)->heap_bytes -= malloc_usable_size(memory);
  free(memory);
}

static void *counted_calloc(size_t count, size_t size, void *user_data) {
  void *memory = calloc(count, size);
  ((door_connection *)user_data)->heap_bytes += malloc_usable_size(memory);
  return memory;
}

static void *counted_realloc(void *memory, size_t count, void *user_data) {
  size_t before = malloc_usable_size(memory);
  void *moved = realloc(memory, count);
  if (moved)
    ((door_connection *)user_data)->heap_bytes += malloc_usable_size(moved) - before;
  return moved;
}

size_t door_heap_bytes(const door_connection *connection) { return connection->heap_bytes; }

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
  connection->memory = (ngtcp2_mem){connection, counted_malloc, counted_free, counted_calloc,
                                    counted_realloc};
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
  result = start_tls(connection, is_server, alpn, alpn_count);
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
  if (connection->conn) ngtcp2_conn_del(connection->conn);
  if (connection->session) gnutls_deinit(connection->session);
  free(connection->ended.ids);
  free(connection->server_name);
  free(connection);
}

// --- Reading

// Does what callbacks must not: closes remote streams that have ended, and returns their credit.
static void settle(door_connection *connection) {
#if DOOR_REAPS_STREAMS
  for (size_t index = 0; index < connection->ended.count; index++) {
    // A stream that was reset before it was seen has no record, and has its credit back already.
    struct ngtcp2_strm *stream =
        ngtcp2_conn_find_stream(connection->conn, connection->ended.ids[index]);
    if (stream) ngtcp2_conn_close_stream(connection->conn, stream);
  }
#endif
  connection->ended.count = 0;
  if (connection->closed_uni)
    ngtcp2_conn_extend_max_streams_uni(connection->conn, connection->closed_uni);
  if (connection->closed_bidi)
    ngtcp2_conn_extend_max_streams_bidi(connection->conn, connection->closed_bidi);
  connection->closed_uni = connection->closed_bidi = 0;
}

static int outcome(door_connection *connection, int result) {
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

int door_read(door_connection *connection, const uint8_t *datagram, size_t count,
              const door_address *remote, uint8_t congestion_mark, uint64_t now) {
  door_sockaddr address;
  ngtcp2_path path = make_path(connection, remote, &address);
  ngtcp2_pkt_info info = {.ecn = congestion_mark & 3};
  int result = ngtcp2_conn_read_pkt(connection->conn, &path, &info, datagram, count, now);
  if (result == NGTCP2_ERR_DISCARD_PKT) result = 0;
  if (result != 0) return outcome(connection, result);
  settle(connection);
  return DOOR_OK;
}

int door_handle_expiry(door_connection *connection, uint64_t now) {
  int result = ngtcp2_conn_handle_expiry(connection->conn, now);
  if (result != 0) return outcome(connection, result);
  settle(connection);
  return DOOR_OK;
}

uint64_t door_expiry(const door_connection *connection) {
  return ngtcp2_conn_get_expiry(connection->conn);
}

uint64_t door_probe_timeout(const door_connection *connection) {
  return ngtcp2_conn_get_pto(connection->conn);
}

// --- Writing

static int64_t written_outcome(door_connection *connection, ngtcp2_ssize result,
                               const ngtcp2_path_storage *storage, const ngtcp2_pkt_info *info,
                               door_written *written) {
  settle(connection);
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
      return outcome(connection, (int)result);
  }
}

int64_t door_write_stream(door_connection *connection, uint8_t *into, size_t capacity,
                          int64_t stream, const door_slice *slices, size_t count, int is_final,
                          uint64_t now, door_written *written) {
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
  ngtcp2_conn_update_pkt_tx_time(connection->conn, now);
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

// --- Streams

int64_t door_open_stream(door_connection *connection, int bidirectional) {
  int64_t stream = -1;
  int result = bidirectional ? ngtcp2_conn_open_bidi_stream(connection->conn, &stream, NULL)
                             : ngtcp2_conn_open_uni_stream(connection->conn, &stream, NULL);
  return result == 0 ? stream : DOOR_NO_CREDIT;
}

int door_reset(door_connection *connection, int64_t stream, uint64_t code) {
#if NGTCP2_VERSION_NUM < 0x010000
  int result = ngtcp2_conn_shutdown_stream_write(connection->conn, stream, code);
#else
  int result = ngtcp2_conn_shutdown_stream_write(connection->conn, 0, stream, code);
#endif
  return result == 0 ? DOOR_OK : DOOR_FAILED;
}

int door_stop_sending(door_connection *connection, int64_t stream, uint64_t code) {
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
  (void)ngtcp2_conn_extend_max_stream_offset(connection->conn, stream, count);
}

void door_extend_connection(door_connection *connection, uint64_t count) {
  ngtcp2_conn_extend_max_offset(connection->conn, count);
}

// --- Queries

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
