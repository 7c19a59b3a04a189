#include <gnutls/crypto.h>

#include "internal.h"

socklen_t door_to_sockaddr(const door_address *address, door_sockaddr *out) {
  memset(out, 0, sizeof *out);
  if (address->length == 16) {
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(address->port);
    out->v6.sin6_scope_id = address->scope;
    memcpy(&out->v6.sin6_addr, address->bytes, 16);
    return sizeof out->v6;
  }
  out->v4.sin_family = AF_INET;
  out->v4.sin_port = htons(address->port);
  memcpy(&out->v4.sin_addr, address->bytes, 4);
  return sizeof out->v4;
}

void door_from_sockaddr(const struct sockaddr *address, door_address *out) {
  memset(out, 0, sizeof *out);
  if (address->sa_family == AF_INET6) {
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    out->length = 16;
    out->port = ntohs(v6.sin6_port);
    out->scope = v6.sin6_scope_id;
    memcpy(out->bytes, &v6.sin6_addr, 16);
  } else {
    struct sockaddr_in v4;
    memcpy(&v4, address, sizeof v4);
    out->length = 4;
    out->port = ntohs(v4.sin_port);
    memcpy(out->bytes, &v4.sin_addr, 4);
  }
}

ngtcp2_cid door_to_cid(const door_connection_id *id) {
  ngtcp2_cid cid;
  ngtcp2_cid_init(&cid, id->bytes, id->length);
  return cid;
}

door_connection_id door_from_cid(const ngtcp2_cid *cid) {
  door_connection_id id = {.length = (uint8_t)cid->datalen};
  memcpy(id.bytes, cid->data, cid->datalen);
  return id;
}

void door_say(char text[DOOR_TEXT_BYTES], const char *what, const char *why) {
  snprintf(text, DOOR_TEXT_BYTES, "%s: %s", what, why);
}

int door_random(uint8_t *bytes, size_t count) {
  return gnutls_rnd(GNUTLS_RND_RANDOM, bytes, count) == 0 ? DOOR_OK : DOOR_FAILED;
}

const char *door_library_version(void) { return ngtcp2_version(0)->version_str; }
