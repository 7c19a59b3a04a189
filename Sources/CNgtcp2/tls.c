// The TLS session of a connection, and whether it believes the peer's certificate.
#include <arpa/inet.h>
#include <gnutls/x509.h>

#include "internal.h"

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

int door_start_tls(door_connection *connection, int is_server, const uint8_t *alpn,
                     size_t alpn_count) {
  int result = gnutls_init(&connection->session, (is_server ? GNUTLS_SERVER : GNUTLS_CLIENT) |
                                                     GNUTLS_NO_END_OF_EARLY_DATA);
  if (result < 0) return result;
  gnutls_session_t session = connection->session;
  if ((is_server ? ngtcp2_crypto_gnutls_configure_server_session(session)
                 : ngtcp2_crypto_gnutls_configure_client_session(session)) != 0)
    return GNUTLS_E_INTERNAL_ERROR;
  gnutls_session_set_ptr(session, &connection->reference);
  result = gnutls_priority_set(session, connection->credentials->priorities);
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
