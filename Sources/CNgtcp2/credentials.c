#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdlib.h>

#include "internal.h"

// AES first: GnuTLS is three times slower at ChaCha20.
static const char priorities[] =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:"
    "-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1:"
    "%DISABLE_TLS13_COMPAT_MODE";

static door_credentials *allocate(char text[DOOR_TEXT_BYTES]) {
  door_credentials *credentials = calloc(1, sizeof *credentials);
  if (!credentials) {
    door_say(text, "credentials", "out of memory");
    return NULL;
  }
  int result = gnutls_certificate_allocate_credentials(&credentials->certificates);
  if (result >= 0) result = gnutls_priority_init(&credentials->priorities, priorities, NULL);
  if (result < 0) {
    door_say(text, "credentials", gnutls_strerror(result));
    door_credentials_free(credentials);
    return NULL;
  }
  return credentials;
}

void door_credentials_free(door_credentials *credentials) {
  if (!credentials) return;
  if (credentials->certificates) gnutls_certificate_free_credentials(credentials->certificates);
  if (credentials->priorities) gnutls_priority_deinit(credentials->priorities);
  free(credentials->fingerprints);
  free(credentials);
}

door_credentials *door_client_credentials(enum door_trust trust, const char *ca_file,
                                          const uint8_t *fingerprints, size_t count,
                                          char text[DOOR_TEXT_BYTES]) {
  door_credentials *credentials = allocate(text);
  if (!credentials) return NULL;
  credentials->trust = trust;
  int result = 0;
  const char *what = "credentials";
  switch (trust) {
    case DOOR_TRUST_SYSTEM_ROOTS:
      what = "the system's root certificates";
      result = gnutls_certificate_set_x509_system_trust(credentials->certificates);
      break;
    case DOOR_TRUST_CA_FILE:
      what = ca_file;
      result = gnutls_certificate_set_x509_trust_file(credentials->certificates, ca_file,
                                                      GNUTLS_X509_FMT_PEM);
      if (result == 0) result = GNUTLS_E_NO_CERTIFICATE_FOUND;
      break;
    case DOOR_TRUST_FINGERPRINTS:
      credentials->fingerprints = malloc(count * 32 + 1);
      if (!credentials->fingerprints) {
        result = GNUTLS_E_MEMORY_ERROR;
        break;
      }
      if (count) memcpy(credentials->fingerprints, fingerprints, count * 32);
      credentials->fingerprint_count = count;
      break;
    case DOOR_TRUST_ANYONE:
      break;
  }
  if (result < 0) {
    door_say(text, what, gnutls_strerror(result));
    door_credentials_free(credentials);
    return NULL;
  }
  return credentials;
}

// Takes the fingerprint of the leaf, so that it can be shown and pinned.
static door_credentials *finish_server(door_credentials *credentials, int result,
                                       const char *what, char text[DOOR_TEXT_BYTES]) {
  gnutls_x509_crt_t *chain = NULL;
  unsigned chain_count = 0;
  if (result >= 0)
    result = gnutls_certificate_get_x509_crt(credentials->certificates, 0, &chain, &chain_count);
  if (result >= 0) {
    size_t length = sizeof credentials->own_fingerprint;
    result = chain_count == 0
                 ? GNUTLS_E_NO_CERTIFICATE_FOUND
                 : gnutls_x509_crt_get_fingerprint(chain[0], GNUTLS_DIG_SHA256,
                                                   credentials->own_fingerprint, &length);
    for (unsigned index = 0; index < chain_count; index++) gnutls_x509_crt_deinit(chain[index]);
    gnutls_free(chain);
  }
  if (result < 0) {
    door_say(text, what, gnutls_strerror(result));
    door_credentials_free(credentials);
    return NULL;
  }
  return credentials;
}

door_credentials *door_server_credentials(const char *certificate_file, const char *key_file,
                                          char text[DOOR_TEXT_BYTES]) {
  door_credentials *credentials = allocate(text);
  if (!credentials) return NULL;
  int result = gnutls_certificate_set_x509_key_file(credentials->certificates, certificate_file,
                                                    key_file, GNUTLS_X509_FMT_PEM);
  char what[256];
  snprintf(what, sizeof what, "%s with key %s", certificate_file, key_file);
  return finish_server(credentials, result, what, text);
}

door_credentials *door_server_credentials_memory(const char *certificate_pem,
                                                 size_t certificate_count, const char *key_pem,
                                                 size_t key_count, char text[DOOR_TEXT_BYTES]) {
  door_credentials *credentials = allocate(text);
  if (!credentials) return NULL;
  gnutls_datum_t certificate = {(unsigned char *)certificate_pem, (unsigned)certificate_count};
  gnutls_datum_t key = {(unsigned char *)key_pem, (unsigned)key_count};
  int result = gnutls_certificate_set_x509_key_mem(credentials->certificates, &certificate, &key,
                                                   GNUTLS_X509_FMT_PEM);
  return finish_server(credentials, result, "certificate and key", text);
}

void door_credentials_fingerprint(const door_credentials *credentials, uint8_t digest[32]) {
  memcpy(digest, credentials->own_fingerprint, 32);
}

void door_text_free(char *pem) { free(pem); }

// GnuTLS allocates with an allocator of its own; hand out memory of ours.
static char *take_text(gnutls_datum_t *datum) {
  char *text = calloc(1, (size_t)datum->size + 1);
  if (text && datum->size) memcpy(text, datum->data, datum->size);
  gnutls_free(datum->data);
  datum->data = NULL;
  return text;
}

static int add_name(gnutls_x509_crt_t certificate, const char *name) {
  unsigned char address[16];
  gnutls_x509_subject_alt_name_t kind = GNUTLS_SAN_DNSNAME;
  const void *value = name;
  unsigned length = (unsigned)strlen(name);
  if (inet_pton(AF_INET, name, address) == 1) {
    kind = GNUTLS_SAN_IPADDRESS, value = address, length = 4;
  } else if (inet_pton(AF_INET6, name, address) == 1) {
    kind = GNUTLS_SAN_IPADDRESS, value = address, length = 16;
  }
  return gnutls_x509_crt_set_subject_alt_name(certificate, kind, value, length,
                                              GNUTLS_FSAN_APPEND);
}

int door_generate_certificate(const char *const *names, size_t name_count, int64_t not_before,
                              int64_t not_after, char **certificate_pem, char **key_pem,
                              char text[DOOR_TEXT_BYTES]) {
  gnutls_x509_privkey_t key = NULL;
  gnutls_x509_crt_t certificate = NULL;
  gnutls_datum_t certificate_text = {NULL, 0}, key_text = {NULL, 0};
  const char *common_name = name_count ? names[0] : "localhost";
  unsigned char serial[16];
  *certificate_pem = NULL;
  *key_pem = NULL;

  int result = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);
  serial[0] = (serial[0] & 0x7f) | 0x40;  // positive and of full length, RFC 5280 4.1.2.2
  if (result >= 0) result = gnutls_x509_privkey_init(&key);
  if (result >= 0)
    result = gnutls_x509_privkey_generate(
        key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
  if (result >= 0) result = gnutls_x509_crt_init(&certificate);
  if (result >= 0) result = gnutls_x509_crt_set_version(certificate, 3);
  if (result >= 0) result = gnutls_x509_crt_set_serial(certificate, serial, sizeof serial);
  if (result >= 0) result = gnutls_x509_crt_set_activation_time(certificate, (time_t)not_before);
  if (result >= 0) result = gnutls_x509_crt_set_expiration_time(certificate, (time_t)not_after);
  if (result >= 0)
    result = gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0,
                                           common_name, (unsigned)strlen(common_name));
  for (size_t index = 0; result >= 0 && index < name_count; index++)
    result = add_name(certificate, names[index]);
  if (result >= 0) result = gnutls_x509_crt_set_key(certificate, key);
  if (result >= 0)
    result = gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE);
  if (result >= 0)
    result = gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0);
  if (result >= 0) result = gnutls_x509_crt_set_basic_constraints(certificate, 0, -1);
  if (result >= 0)
    result = gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0);
  if (result >= 0)
    result = gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &certificate_text);
  if (result >= 0) result = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_text);
  if (result >= 0) {
    *certificate_pem = take_text(&certificate_text);
    *key_pem = take_text(&key_text);
    if (!*certificate_pem || !*key_pem) result = GNUTLS_E_MEMORY_ERROR;
  }
  if (certificate) gnutls_x509_crt_deinit(certificate);
  if (key) gnutls_x509_privkey_deinit(key);
  if (result < 0) {
    free(*certificate_pem);
    free(*key_pem);
    *certificate_pem = *key_pem = NULL;
    door_say(text, "self-signed certificate", gnutls_strerror(result));
    return DOOR_FAILED;
  }
  return DOOR_OK;
}
