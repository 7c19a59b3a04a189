// The door to ngtcp2 and GnuTLS: a small stable API over one QUIC connection.
//
// Nothing of either library's headers shows here, so that their versions may differ without Swift
// noticing, and so that macros, unions and variadic functions stay on the C side.
//
// Rules: one thread per connection; callbacks run inside door_read, door_write_* and
// door_handle_expiry, and must not call any door_ function. Times are nanoseconds, never going back.
#ifndef CNGTCP2_H
#define CNGTCP2_H

#include <stddef.h>
#include <stdint.h>

// An opaque set of keys, certificates and the rules by which a peer is trusted.
typedef struct door_credentials door_credentials;
// An opaque QUIC connection with its TLS session.
typedef struct door_connection door_connection;

// An IP address with a port in host order; length is 4 or 16.
typedef struct door_address {
  uint8_t bytes[16];
  uint8_t length;
  uint16_t port;
  uint32_t scope;
} door_address;

// A QUIC connection id.
typedef struct door_connection_id {
  uint8_t bytes[20];
  uint8_t length;
} door_connection_id;

// Length of every connection id that this side chooses.
#define DOOR_CONNECTION_ID_LENGTH 8
// Longest UDP payload that is ever written.
#define DOOR_MAX_DATAGRAM_BYTES 1500
// Bytes of an endpoint's secret, from which tokens are derived.
#define DOOR_SECRET_BYTES 32
// Longest explanation that is written to a text buffer, with its closing zero.
#define DOOR_TEXT_BYTES 512

// Why door_ calls fail.
enum door_result {
  DOOR_OK = 0,
  // The packet in progress has room; call again with more, or with nothing to finish it.
  DOOR_WRITE_MORE = -1,
  DOOR_STREAM_BLOCKED = -2,
  DOOR_STREAM_SHUT = -3,
  DOOR_NO_CREDIT = -4,
  // The peer closed; door_peer_close says how.
  DOOR_DRAINING = -5,
  DOOR_IDLE_TIMEOUT = -6,
  DOOR_HANDSHAKE_TIMEOUT = -7,
  DOOR_VERSION_NEGOTIATION = -8,
  // Forget the connection without a word to the peer.
  DOOR_DROP = -9,
  DOOR_TLS_FAILED = -10,
  // A server asks for a token first.
  DOOR_RETRY = -11,
  DOOR_CLOSING = -12,
  DOOR_STATELESS_RESET = -13,
  // Any other failure of the protocol; door_last_error names it.
  DOOR_FAILED = -14,
};

typedef struct door_settings {
  uint64_t idle_timeout;
  uint64_t handshake_timeout;
  // 0 turns keep-alive off.
  uint64_t keep_alive;
  uint64_t stream_window_bytes;
  uint64_t connection_window_bytes;
  uint64_t max_remote_uni_streams;
  uint64_t max_remote_bidi_streams;
  // Largest DATAGRAM frame accepted, 0 for none.
  uint64_t max_datagram_bytes;
  int discover_mtu;
} door_settings;

typedef struct door_callbacks {
  void (*handshake_completed)(void *context, const uint8_t *alpn, size_t count);
  // The peer has opened a stream.
  void (*stream_opened)(void *context, int64_t stream);
  void (*stream_data)(void *context, int64_t stream, const uint8_t *bytes, size_t count,
                      int is_final);
  // Without stream_opened before it, this is all that will be heard of the stream.
  void (*stream_reset)(void *context, int64_t stream, uint64_t code);
  // has_code: an application code was sent or received for this stream.
  void (*stream_closed)(void *context, int64_t stream, int has_code, uint64_t code);
  // All bytes of the stream before `offset` have reached the peer.
  void (*stream_acknowledged)(void *context, int64_t stream, uint64_t offset);
  void (*stream_unblocked)(void *context, int64_t stream);
  void (*stream_credit)(void *context, int bidirectional);
  void (*datagram)(void *context, const uint8_t *bytes, size_t count);
  void (*connection_id_added)(void *context, const door_connection_id *id);
  void (*connection_id_retired)(void *context, const door_connection_id *id);
} door_callbacks;

// --- Credentials. Each returns NULL, or a negative value, with `text` filled in on failure.

enum door_trust {
  DOOR_TRUST_SYSTEM_ROOTS = 0,
  DOOR_TRUST_CA_FILE = 1,
  DOOR_TRUST_FINGERPRINTS = 2,
  DOOR_TRUST_ANYONE = 3,
};

// ca_file matters for DOOR_TRUST_CA_FILE only; fingerprints are `count` runs of 32 bytes.
door_credentials *door_client_credentials(enum door_trust trust, const char *ca_file,
                                          const uint8_t *fingerprints, size_t count,
                                          char text[DOOR_TEXT_BYTES]);
door_credentials *door_server_credentials(const char *certificate_file, const char *key_file,
                                          char text[DOOR_TEXT_BYTES]);
door_credentials *door_server_credentials_memory(const char *certificate_pem,
                                                 size_t certificate_count, const char *key_pem,
                                                 size_t key_count, char text[DOOR_TEXT_BYTES]);
void door_credentials_free(door_credentials *credentials);
// SHA-256 of the leaf certificate's DER of server credentials.
void door_credentials_fingerprint(const door_credentials *credentials, uint8_t digest[32]);

// Makes an ECDSA P-256 key and a certificate for it, signed by itself, as PEM texts. Names that
// parse as IP addresses become IP alternative names. Seconds are since 1970. Returns 0, or a
// negative value with `text` filled in; the texts are freed with door_text_free.
int door_generate_certificate(const char *const *names, size_t name_count, int64_t not_before,
                              int64_t not_after, char **certificate_pem, char **key_pem,
                              char text[DOOR_TEXT_BYTES]);
void door_text_free(char *pem);

// --- Datagrams before there is a connection.

enum door_packet {
  DOOR_PACKET_MALFORMED = 0,
  // For the connection that owns `destination`.
  DOOR_PACKET_ROUTED = 1,
  // As above, and may open a connection when nobody owns it.
  DOOR_PACKET_INITIAL = 2,
  DOOR_PACKET_UNKNOWN_VERSION = 3,
};

typedef struct door_header {
  door_connection_id destination;
  door_connection_id source;
  uint32_t version;
  int is_short;
  // Inside the datagram given; only for DOOR_PACKET_INITIAL.
  const uint8_t *token;
  size_t token_count;
} door_header;

enum door_packet door_parse(const uint8_t *datagram, size_t count, door_header *header);
// Each writer returns the bytes written, or 0 when it can't.
size_t door_write_version_negotiation(uint8_t *into, size_t capacity, const door_header *header);
size_t door_write_retry(uint8_t *into, size_t capacity, const door_header *header,
                        const door_address *remote, const uint8_t secret[DOOR_SECRET_BYTES],
                        uint64_t now);
// Refuses a connection: an Initial packet with CONNECTION_CLOSE of the transport code.
size_t door_write_refusal(uint8_t *into, size_t capacity, const door_header *header,
                          uint64_t code);
size_t door_write_stateless_reset(uint8_t *into, size_t capacity, const door_header *header,
                                  size_t datagram_count,
                                  const uint8_t secret[DOOR_SECRET_BYTES]);
enum door_token { DOOR_TOKEN_INVALID = 0, DOOR_TOKEN_VALID = 1, DOOR_TOKEN_FOREIGN = 2 };
// Fills in the id of the client's first packet when the token is valid.
enum door_token door_check_token(const door_header *header, const door_address *remote,
                                 const uint8_t secret[DOOR_SECRET_BYTES], uint64_t timeout,
                                 uint64_t now, door_connection_id *original);
int door_random(uint8_t *bytes, size_t count);

// --- Connections. alpn is a list of length-prefixed names, as in RFC 7301 section 3.1.

// server_name may be an IP literal. Returns NULL with `text` filled in on failure.
door_connection *door_connect(const door_settings *settings, door_credentials *credentials,
                              const uint8_t *alpn, size_t alpn_count, const char *server_name,
                              const door_address *local, const door_address *remote,
                              const door_callbacks *callbacks, void *context, uint64_t now,
                              char text[DOOR_TEXT_BYTES]);
// original: of door_check_token after a Retry, else NULL.
door_connection *door_accept(const door_settings *settings, door_credentials *credentials,
                             const uint8_t *alpn, size_t alpn_count, const door_header *header,
                             const door_connection_id *original,
                             const uint8_t secret[DOOR_SECRET_BYTES], const door_address *local,
                             const door_address *remote, const door_callbacks *callbacks,
                             void *context, uint64_t now, char text[DOOR_TEXT_BYTES]);
void door_free(door_connection *connection);

// Takes datagrams of `size` bytes each, the last maybe shorter, that lie one after the other. Those
// behind one that ends the connection are not read.
int door_read(door_connection *connection, const uint8_t *datagrams, size_t count, size_t size,
              const door_address *remote, uint8_t congestion_mark, uint64_t now);
int door_handle_expiry(door_connection *connection, uint64_t now);
// UINT64_MAX when nothing is due.
uint64_t door_expiry(const door_connection *connection);
uint64_t door_probe_timeout(const door_connection *connection);

// What a packet written says beside its bytes.
typedef struct door_written {
  // Bytes of the stream taken into a packet, or -1 when none and not its end either.
  int64_t accepted;
  uint8_t congestion_mark;
  // The address differs from that of the last packet written.
  int remote_changed;
  door_address remote;
} door_written;

// A run of bytes to send.
typedef struct door_slice {
  const uint8_t *bytes;
  size_t count;
} door_slice;
#define DOOR_MAX_SLICES 16

// Each returns the bytes of a finished packet, 0 when nothing may be sent now, or a door_result.
// The stream's bytes must stay where they are until acknowledged or the stream is closed.
int64_t door_write_stream(door_connection *connection, uint8_t *into, size_t capacity,
                          int64_t stream, const door_slice *slices, size_t count, int is_final,
                          uint64_t now, door_written *written);
// `accepted` is 0 when the datagram went into the packet, else -1.
int64_t door_write_datagram(door_connection *connection, uint8_t *into, size_t capacity,
                            const uint8_t *bytes, size_t count, uint64_t now,
                            door_written *written);
// Finishes the packet in progress, or writes whatever else is due.
int64_t door_write(door_connection *connection, uint8_t *into, size_t capacity, uint64_t now,
                   door_written *written);
// Tells pacing that a burst has been written and more waits: the expiry says when it may go.
void door_burst_written(door_connection *connection, uint64_t now);
// Tells pacing that a burst has been written and nothing waits, so that it is nobody's debt.
int door_burst_forgotten(door_connection *connection, uint64_t now);
size_t door_burst_bytes(const door_connection *connection);
uint64_t door_connection_credit(const door_connection *connection);
// Largest datagram that fits a packet now, 0 when the peer takes none.
size_t door_datagram_capacity(const door_connection *connection);

// Close packets: of our own accord, or because of what last failed.
int64_t door_write_application_close(door_connection *connection, uint8_t *into, size_t capacity,
                                     uint64_t code, const uint8_t *reason, size_t count,
                                     uint64_t now, door_written *written);
int64_t door_write_failure_close(door_connection *connection, uint8_t *into, size_t capacity,
                                 uint64_t now, door_written *written);

int64_t door_open_stream(door_connection *connection, int bidirectional);
int door_reset(door_connection *connection, int64_t stream, uint64_t code);
int door_stop_sending(door_connection *connection, int64_t stream, uint64_t code);
void door_extend_stream(door_connection *connection, int64_t stream, uint64_t count);
void door_extend_connection(door_connection *connection, uint64_t count);
// The code of the peer's STOP_SENDING, or -1 when it is not known.
int64_t door_stop_code(const door_connection *connection, int64_t stream);

// Fails an assertion as a fault inside ngtcp2 would, for tests; DOOR_FAILED.
int door_fail_assertion(door_connection *connection);

enum door_close_kind { DOOR_CLOSE_TRANSPORT = 0, DOOR_CLOSE_APPLICATION = 1 };
typedef struct door_close {
  enum door_close_kind kind;
  uint64_t code;
  // Valid until the connection is freed.
  const uint8_t *reason;
  size_t reason_count;
} door_close;
void door_peer_close(door_connection *connection, door_close *close);

// The transport code that goes with the last failure, and a text for it.
uint64_t door_failure_code(const door_connection *connection);
const char *door_failure_text(const door_connection *connection);
// Why the certificate was refused; NULL when it was not.
const char *door_certificate_refusal(const door_connection *connection);
// The protocol agreed on; returns its length, 0 when none.
size_t door_alpn(const door_connection *connection, const uint8_t **name);
int door_handshake_is_complete(const door_connection *connection);
// Ids by which the peer may address this connection now; returns how many were filled in.
size_t door_connection_ids(const door_connection *connection, door_connection_id *ids,
                           size_t capacity);

typedef struct door_statistics {
  uint64_t smoothed_round_trip;
  uint64_t congestion_window_bytes;
  uint64_t bytes_in_flight;
} door_statistics;
void door_get_statistics(const door_connection *connection, door_statistics *statistics);

// ngtcp2's version as linked.
const char *door_library_version(void);
// Bytes of heap that ngtcp2 holds for this connection, without TLS.
size_t door_heap_bytes(const door_connection *connection);

// Has memory that will be written soon brought into the processor's caches meanwhile.
static inline void door_expect_writing(const uint8_t *at, size_t count) {
  enum { line_bytes = 64 };
  for (size_t offset = 0; offset < count; offset += line_bytes) __builtin_prefetch(at + offset, 1);
}

#endif
