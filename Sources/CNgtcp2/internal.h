// What the door's C files share; never seen by Swift.
#ifndef DOOR_INTERNAL_H
#define DOOR_INTERNAL_H

#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <stdio.h>
#include <string.h>

#include "CNgtcp2.h"

// Names that ngtcp2 1.0 changed.
#if NGTCP2_VERSION_NUM < 0x010000
typedef ngtcp2_connection_close_error door_ccerr;
#define door_ccerr_default ngtcp2_connection_close_error_default
#define door_ccerr_set_application ngtcp2_connection_close_error_set_application_error
#define door_ccerr_set_transport ngtcp2_connection_close_error_set_transport_error
#define door_ccerr_set_liberr ngtcp2_connection_close_error_set_transport_error_liberr
#define door_ccerr_set_alert ngtcp2_connection_close_error_set_transport_error_tls_alert
#define DOOR_CCERR_APPLICATION NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION
#define door_hd_token(header) ((header)->token.base)
#define door_hd_token_count(header) ((header)->token.len)
#else
typedef ngtcp2_ccerr door_ccerr;
#define door_ccerr_default ngtcp2_ccerr_default
#define door_ccerr_set_application ngtcp2_ccerr_set_application_error
#define door_ccerr_set_transport ngtcp2_ccerr_set_transport_error
#define door_ccerr_set_liberr ngtcp2_ccerr_set_liberr
#define door_ccerr_set_alert ngtcp2_ccerr_set_tls_alert
#define DOOR_CCERR_APPLICATION NGTCP2_CCERR_TYPE_APPLICATION
#define door_hd_token(header) ((header)->token)
#define door_hd_token_count(header) ((header)->tokenlen)
#endif

struct door_credentials {
  gnutls_certificate_credentials_t certificates;
  // Parsed once; sessions share it.
  gnutls_priority_t priorities;
  enum door_trust trust;
  uint8_t *fingerprints;
  size_t fingerprint_count;
  uint8_t own_fingerprint[32];
};

typedef union door_sockaddr {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} door_sockaddr;

// A list of stream ids that callbacks leave for later.
typedef struct door_ids {
  int64_t *ids;
  size_t count;
  size_t capacity;
} door_ids;

struct door_connection {
  // First, because GnuTLS hands back its address.
  ngtcp2_crypto_conn_ref reference;
  ngtcp2_conn *conn;
  ngtcp2_mem memory;
  size_t heap_bytes;
  gnutls_session_t session;
  const door_credentials *credentials;
  char *server_name;
  door_callbacks callbacks;
  void *context;
  door_sockaddr local;
  socklen_t local_length;
  door_address last_remote;
  int has_last_remote;
  uint8_t secret[DOOR_SECRET_BYTES];
  // Remote unidirectional streams whose end has been seen (reaped only where ngtcp2 doesn't).
  door_ids ended;
  // Remote streams closed since the last settling, whose credit the peer gets back.
  uint64_t closed_uni;
  uint64_t closed_bidi;
  int lacks_protocol;
  // An assertion has failed: ngtcp2 and TLS must not be entered again.
  int is_broken;
  int stateless_reset;
  int last_error;
  uint8_t alert;
  char refusal[DOOR_TEXT_BYTES];
};

socklen_t door_to_sockaddr(const door_address *address, door_sockaddr *out);
void door_from_sockaddr(const struct sockaddr *address, door_address *out);
ngtcp2_cid door_to_cid(const door_connection_id *id);
door_connection_id door_from_cid(const ngtcp2_cid *cid);
int door_start_tls(door_connection *connection, int is_server, const uint8_t *alpn,
                   size_t alpn_count);
ngtcp2_mem door_counted_memory(door_connection *connection);
// Closes remote streams that have ended and that ngtcp2 would keep.
void door_reap(door_connection *connection);
// Does what callbacks must not: reaps streams and returns their credit to the peer.
void door_settle(door_connection *connection);
// What a failure of ngtcp2 means for the connection, remembered for its close.
int door_outcome(door_connection *connection, int result);
void door_say(char text[DOOR_TEXT_BYTES], const char *what, const char *why);

#endif
