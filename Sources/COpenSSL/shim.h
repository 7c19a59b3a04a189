#pragma once
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

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
