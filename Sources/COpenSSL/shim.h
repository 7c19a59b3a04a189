#pragma once
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <time.h>

/* These are macros, which Swift does not import. */
static inline int copenssl_set_minimum_tls12(SSL *session) {
  return SSL_set_min_proto_version(session, TLS1_2_VERSION);
}

static inline int copenssl_set_server_name(SSL *session, const char *name) {
  return (int)SSL_set_tlsext_host_name(session, name);
}

/* An empty memory BIO says "try again" rather than "end of file". */
static inline BIO *copenssl_memory(void) {
  BIO *bio = BIO_new(BIO_s_mem());
  if (bio) BIO_set_mem_eof_return(bio, -1);
  return bio;
}

/* Never asks a person for the password of a key. */
static inline int copenssl_no_password(char *buffer, int size, int writing, void *unused) {
  (void)buffer, (void)size, (void)writing, (void)unused;
  return 0;
}

/* The key and certificates of a server, PEM; the chain begins with the server's own. 1: they fit. */
static inline int copenssl_use_certificate(SSL_CTX *context, const void *chain, int chain_size,
                                           const void *key, int key_size) {
  int result = 0;
  X509 *certificate = NULL;
  EVP_PKEY *secret = NULL;
  BIO *chain_bio = BIO_new_mem_buf(chain, chain_size);
  BIO *key_bio = BIO_new_mem_buf(key, key_size);
  if (!chain_bio || !key_bio) goto end;
  certificate = PEM_read_bio_X509_AUX(chain_bio, NULL, copenssl_no_password, NULL);
  if (!certificate || SSL_CTX_use_certificate(context, certificate) != 1) goto end;
  SSL_CTX_clear_chain_certs(context);
  for (;;) {
    X509 *authority = PEM_read_bio_X509(chain_bio, NULL, copenssl_no_password, NULL);
    if (!authority) break;
    if (SSL_CTX_add0_chain_cert(context, authority) != 1) {
      X509_free(authority);
      goto end;
    }
  }
  /* The last read found no more, which is no error; anything else in the chain is one. */
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) goto end;
  ERR_clear_error();
  secret = PEM_read_bio_PrivateKey(key_bio, NULL, copenssl_no_password, NULL);
  if (!secret || SSL_CTX_use_PrivateKey(context, secret) != 1) goto end;
  result = SSL_CTX_check_private_key(context);
end:
  X509_free(certificate);
  EVP_PKEY_free(secret);
  BIO_free(chain_bio);
  BIO_free(key_bio);
  return result;
}

/* Clients must show a certificate of one of these authorities, PEM. The number of authorities; 0: none. */
static inline int copenssl_require_clients(SSL_CTX *context, const void *authorities, int size) {
  int count = 0;
  X509_STORE *store = SSL_CTX_get_cert_store(context);
  BIO *bio = BIO_new_mem_buf(authorities, size);
  if (!bio) return 0;
  for (;;) {
    X509 *authority = PEM_read_bio_X509(bio, NULL, copenssl_no_password, NULL);
    if (!authority) break;
    if (X509_STORE_add_cert(store, authority) == 1 && SSL_CTX_add_client_CA(context, authority) == 1)
      count++;
    X509_free(authority);
  }
  BIO_free(bio);
  ERR_clear_error();
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  return count;
}

/* Counts the records from the peer that are not text: before TLS 1.3 their header says so, since then what is
   sealed in them. */
static inline void copenssl_count_record(int is_ours, int version, int kind, const void *bytes, size_t size,
                                         SSL *session, void *unused) {
  (void)version, (void)unused;
  if (is_ours || size == 0) return;
  if (kind != SSL3_RT_HEADER && kind != SSL3_RT_INNER_CONTENT_TYPE) return;
  if (*(const unsigned char *)bytes == SSL3_RT_APPLICATION_DATA) return;
  SSL_set_app_data(session, (void *)((uintptr_t)SSL_get_app_data(session) + 1));
}

/* How many records that are not text the peer of a server's session has sent. */
static inline size_t copenssl_records_without_text(SSL *session) {
  return (size_t)(uintptr_t)SSL_get_app_data(session);
}

/* What every context of a server has: TLS 1.2 and 1.3 with forward secrecy and authenticated encryption,
   tickets of a key that its siblings share, no early data, no renegotiation. 1: set. */
static inline int copenssl_prepare_server(SSL_CTX *context, const unsigned char *ticket_key, int size) {
  static const unsigned char group[] = "moq-egress";
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_msg_callback(context, copenssl_count_record);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(context,
                                 "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL") == 1 &&
         SSL_CTX_set_session_id_context(context, group, sizeof group - 1) == 1 &&
         SSL_CTX_set_tlsext_ticket_keys(context, ticket_key, size) == 1;
}

/* Calls back with the name that a client asks for, before a certificate is chosen. */
static inline void copenssl_on_server_name(SSL_CTX *context, int (*callback)(SSL *, int *, void *),
                                           void *argument) {
  SSL_CTX_set_tlsext_servername_callback(context, callback);
  SSL_CTX_set_tlsext_servername_arg(context, argument);
}

/* When a context's certificate ends, in seconds of Unix time; INT64_MIN: it says nothing that can be read. */
static inline int64_t copenssl_end(SSL_CTX *context) {
  struct tm end;
  X509 *certificate = SSL_CTX_get0_certificate(context);
  if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) return INT64_MIN;
  return timegm(&end);
}

/* Whether a context's certificate is for a host. */
static inline int copenssl_serves(SSL_CTX *context, const char *name) {
  X509 *certificate = SSL_CTX_get0_certificate(context);
  return certificate && X509_check_host(certificate, name, 0, 0, NULL) == 1;
}
