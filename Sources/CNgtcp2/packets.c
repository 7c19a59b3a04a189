// Datagrams that belong to no connection yet: RFC 9000 sections 5.2, 6 and 8.1.
#include "internal.h"

static const uint32_t versions[] = {NGTCP2_PROTO_VER_V1};

enum door_packet door_parse(const uint8_t *datagram, size_t count, door_header *header) {
  memset(header, 0, sizeof *header);
  if (count == 0) return DOOR_PACKET_MALFORMED;
  ngtcp2_version_cid ids;
  int result = ngtcp2_pkt_decode_version_cid(&ids, datagram, count, DOOR_CONNECTION_ID_LENGTH);
  if (result != 0 && result != NGTCP2_ERR_VERSION_NEGOTIATION) return DOOR_PACKET_MALFORMED;
  if (ids.dcidlen > NGTCP2_MAX_CIDLEN || ids.scidlen > NGTCP2_MAX_CIDLEN)
    return DOOR_PACKET_MALFORMED;
  header->version = ids.version;
  header->is_short = (datagram[0] & 0x80) == 0;
  header->destination.length = (uint8_t)ids.dcidlen;
  memcpy(header->destination.bytes, ids.dcid, ids.dcidlen);
  header->source.length = (uint8_t)ids.scidlen;
  if (ids.scidlen) memcpy(header->source.bytes, ids.scid, ids.scidlen);
  if (result == NGTCP2_ERR_VERSION_NEGOTIATION)
    // RFC 9000 section 6.1: only datagrams that could open a connection are answered.
    return count >= NGTCP2_MAX_UDP_PAYLOAD_SIZE ? DOOR_PACKET_UNKNOWN_VERSION
                                                : DOOR_PACKET_MALFORMED;
  if (header->is_short) return DOOR_PACKET_ROUTED;
  if (ids.version == 0) return DOOR_PACKET_MALFORMED;  // only servers send Version Negotiation

  ngtcp2_pkt_hd initial;
  if (ngtcp2_accept(&initial, datagram, count) != 0) return DOOR_PACKET_ROUTED;
  header->token = door_hd_token(&initial);
  header->token_count = door_hd_token_count(&initial);
  return DOOR_PACKET_INITIAL;
}

size_t door_write_version_negotiation(uint8_t *into, size_t capacity, const door_header *header) {
  uint8_t random = 0;
  door_random(&random, 1);
  ngtcp2_ssize written = ngtcp2_pkt_write_version_negotiation(
      into, capacity, random, header->source.bytes, header->source.length,
      header->destination.bytes, header->destination.length, versions,
      sizeof versions / sizeof versions[0]);
  return written > 0 ? (size_t)written : 0;
}

size_t door_write_retry(uint8_t *into, size_t capacity, const door_header *header,
                        const door_address *remote, const uint8_t secret[DOOR_SECRET_BYTES],
                        uint64_t now) {
  ngtcp2_cid client = door_to_cid(&header->source);
  ngtcp2_cid original = door_to_cid(&header->destination);
  ngtcp2_cid chosen = {.datalen = DOOR_CONNECTION_ID_LENGTH};
  if (door_random(chosen.data, chosen.datalen) != DOOR_OK) return 0;
  door_sockaddr address;
  socklen_t length = door_to_sockaddr(remote, &address);
  uint8_t token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN];
  ngtcp2_ssize token_count =
      ngtcp2_crypto_generate_retry_token(token, secret, DOOR_SECRET_BYTES, header->version,
                                         &address.any, length, &chosen, &original, now);
  if (token_count < 0) return 0;
  ngtcp2_ssize written =
      ngtcp2_crypto_write_retry(into, capacity, header->version, &client, &chosen, &original,
                                token, (size_t)token_count);
  return written > 0 ? (size_t)written : 0;
}

size_t door_write_refusal(uint8_t *into, size_t capacity, const door_header *header,
                          uint64_t code) {
  ngtcp2_cid client = door_to_cid(&header->source);
  ngtcp2_cid own = door_to_cid(&header->destination);
  ngtcp2_ssize written = ngtcp2_crypto_write_connection_close(
      into, capacity, header->version, &client, &own, code, NULL, 0);
  return written > 0 ? (size_t)written : 0;
}

size_t door_write_stateless_reset(uint8_t *into, size_t capacity, const door_header *header,
                                  size_t datagram_count,
                                  const uint8_t secret[DOOR_SECRET_BYTES]) {
  // RFC 9000 section 10.3: shorter than what caused it, so that two endpoints can't loop, and at
  // least 22 bytes long to look like a packet.
  enum { shortest = NGTCP2_STATELESS_RESET_TOKENLEN + NGTCP2_MIN_STATELESS_RESET_RANDLEN };
  if (datagram_count <= shortest) return 0;
  uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN];
  ngtcp2_cid cid = door_to_cid(&header->destination);
  if (ngtcp2_crypto_generate_stateless_reset_token(token, secret, DOOR_SECRET_BYTES, &cid) != 0)
    return 0;
  uint8_t random[24];
  size_t random_count = datagram_count - 1 - NGTCP2_STATELESS_RESET_TOKENLEN;
  if (random_count > sizeof random) random_count = sizeof random;
  if (random_count < NGTCP2_MIN_STATELESS_RESET_RANDLEN) return 0;
  if (door_random(random, random_count) != DOOR_OK) return 0;
  ngtcp2_ssize written =
      ngtcp2_pkt_write_stateless_reset(into, capacity, token, random, random_count);
  return written > 0 ? (size_t)written : 0;
}

enum door_token door_check_token(const door_header *header, const door_address *remote,
                                 const uint8_t secret[DOOR_SECRET_BYTES], uint64_t timeout,
                                 uint64_t now, door_connection_id *original) {
  if (header->token_count == 0 || header->token[0] != NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY)
    return DOOR_TOKEN_FOREIGN;
  door_sockaddr address;
  socklen_t length = door_to_sockaddr(remote, &address);
  ngtcp2_cid destination = door_to_cid(&header->destination), first;
  if (ngtcp2_crypto_verify_retry_token(&first, header->token, header->token_count, secret,
                                       DOOR_SECRET_BYTES, header->version, &address.any, length,
                                       &destination, timeout, now) != 0)
    return DOOR_TOKEN_INVALID;
  *original = door_from_cid(&first);
  return DOOR_TOKEN_VALID;
}
