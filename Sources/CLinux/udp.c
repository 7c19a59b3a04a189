#define _GNU_SOURCE
#include "CLinuxUDP.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static socklen_t to_sockaddr(const clinux_udp_address *address, union address *out) {
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

static void from_sockaddr(const union address *address, clinux_udp_address *out) {
  memset(out, 0, sizeof *out);
  if (address->any.sa_family == AF_INET6) {
    out->length = 16;
    out->port = ntohs(address->v6.sin6_port);
    out->scope = address->v6.sin6_scope_id;
    memcpy(out->bytes, &address->v6.sin6_addr, 16);
  } else {
    out->length = 4;
    out->port = ntohs(address->v4.sin_port);
    memcpy(out->bytes, &address->v4.sin_addr, 4);
  }
}

static void set_option(int descriptor, int level, int name, int value) {
  // Best effort: without it the socket works all the same.
  (void)setsockopt(descriptor, level, name, &value, sizeof value);
}

int clinux_udp_open(const clinux_udp_address *local, const clinux_udp_address *remote,
                    int buffer_bytes) {
  int is_v6 = local->length == 16;
  int descriptor =
      socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -errno;
  set_option(descriptor, SOL_SOCKET, SO_RCVBUF, buffer_bytes);
  set_option(descriptor, SOL_SOCKET, SO_SNDBUF, buffer_bytes);
  set_option(descriptor, IPPROTO_UDP, UDP_GRO, 1);
  if (is_v6) {
    set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set_option(descriptor, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    set_option(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
  } else {
    set_option(descriptor, IPPROTO_IP, IP_RECVTOS, 1);
    set_option(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
  }
  union address address;
  socklen_t length = to_sockaddr(local, &address);
  int result = bind(descriptor, &address.any, length);
  if (result == 0 && remote) {
    length = to_sockaddr(remote, &address);
    result = connect(descriptor, &address.any, length);
  }
  if (result < 0) {
    result = -errno;
    close(descriptor);
    return result;
  }
  return descriptor;
}

int clinux_udp_local(int descriptor, clinux_udp_address *local) {
  union address address;
  socklen_t length = sizeof address;
  memset(&address, 0, sizeof address);
  if (getsockname(descriptor, &address.any, &length) < 0) return -errno;
  from_sockaddr(&address, local);
  return 0;
}

void clinux_udp_close(int descriptor) { close(descriptor); }

// Room for a segment size and a traffic class.
union receive_control {
  char bytes[CMSG_SPACE(sizeof(int)) * 2 + CMSG_SPACE(sizeof(uint16_t))];
  struct cmsghdr alignment;
};

struct clinux_udp_slabs {
  struct mmsghdr messages[CLINUX_UDP_SLABS];
  struct iovec vectors[CLINUX_UDP_SLABS];
  union address addresses[CLINUX_UDP_SLABS];
  union receive_control controls[CLINUX_UDP_SLABS];
  uint8_t bytes[CLINUX_UDP_SLABS][CLINUX_UDP_SLAB_BYTES];
};

clinux_udp_slabs *clinux_udp_slabs_new(void) { return calloc(1, sizeof(clinux_udp_slabs)); }
void clinux_udp_slabs_free(clinux_udp_slabs *slabs) { free(slabs); }

static void read_control(struct msghdr *header, clinux_udp_received *received) {
  for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item; item = CMSG_NXTHDR(header, item)) {
    if (item->cmsg_level == IPPROTO_UDP && item->cmsg_type == UDP_GRO) {
      int segment = 0;
      memcpy(&segment, CMSG_DATA(item), sizeof segment);
      if (segment > 0) received->segment = (size_t)segment;
    } else if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_TOS) {
      received->congestion_mark = *CMSG_DATA(item) & 3;
    } else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_TCLASS) {
      int class = 0;
      memcpy(&class, CMSG_DATA(item), sizeof class);
      received->congestion_mark = class & 3;
    }
  }
}

int clinux_udp_receive(int descriptor, clinux_udp_slabs *slabs, clinux_udp_received *received) {
  for (int index = 0; index < CLINUX_UDP_SLABS; index++) {
    slabs->vectors[index].iov_base = slabs->bytes[index];
    slabs->vectors[index].iov_len = CLINUX_UDP_SLAB_BYTES;
    struct msghdr *header = &slabs->messages[index].msg_hdr;
    memset(header, 0, sizeof *header);
    header->msg_name = &slabs->addresses[index];
    header->msg_namelen = sizeof slabs->addresses[index];
    header->msg_iov = &slabs->vectors[index];
    header->msg_iovlen = 1;
    header->msg_control = slabs->controls[index].bytes;
    header->msg_controllen = sizeof slabs->controls[index].bytes;
  }
  int count;
  do {
    count = recvmmsg(descriptor, slabs->messages, CLINUX_UDP_SLABS, MSG_DONTWAIT, NULL);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return -errno;
  for (int index = 0; index < count; index++) {
    clinux_udp_received *item = &received[index];
    memset(item, 0, sizeof *item);
    item->bytes = slabs->bytes[index];
    item->count = slabs->messages[index].msg_len;
    item->segment = item->count;
    from_sockaddr(&slabs->addresses[index], &item->source);
    read_control(&slabs->messages[index].msg_hdr, item);
  }
  return count;
}

union send_control {
  char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint16_t))];
  struct cmsghdr alignment;
};

int clinux_udp_send(int descriptor, int is_connected, const uint8_t *bytes,
                    const clinux_udp_message *messages, size_t count) {
  struct mmsghdr out[CLINUX_UDP_MESSAGES];
  struct iovec vectors[CLINUX_UDP_MESSAGES];
  union address addresses[CLINUX_UDP_MESSAGES];
  union send_control controls[CLINUX_UDP_MESSAGES];
  if (count > CLINUX_UDP_MESSAGES) count = CLINUX_UDP_MESSAGES;
  memset(out, 0, count * sizeof out[0]);
  memset(controls, 0, count * sizeof controls[0]);
  for (size_t index = 0; index < count; index++) {
    const clinux_udp_message *message = &messages[index];
    vectors[index].iov_base = (uint8_t *)(uintptr_t)bytes + message->offset;
    vectors[index].iov_len = message->count;
    struct msghdr *header = &out[index].msg_hdr;
    header->msg_iov = &vectors[index];
    header->msg_iovlen = 1;
    if (!is_connected) {
      header->msg_namelen = to_sockaddr(&message->destination, &addresses[index]);
      header->msg_name = &addresses[index];
    }
    header->msg_control = controls[index].bytes;
    header->msg_controllen = sizeof controls[index].bytes;
    size_t used = 0;
    struct cmsghdr *item = CMSG_FIRSTHDR(header);
    if (message->congestion_mark) {
      int mark = message->congestion_mark;
      int is_v6 = message->destination.length == 16;
      item->cmsg_level = is_v6 ? IPPROTO_IPV6 : IPPROTO_IP;
      item->cmsg_type = is_v6 ? IPV6_TCLASS : IP_TOS;
      item->cmsg_len = CMSG_LEN(sizeof mark);
      memcpy(CMSG_DATA(item), &mark, sizeof mark);
      used += CMSG_SPACE(sizeof mark);
      item = CMSG_NXTHDR(header, item);
    }
    if (message->segment < message->count && item) {
      uint16_t segment = (uint16_t)message->segment;
      item->cmsg_level = IPPROTO_UDP;
      item->cmsg_type = UDP_SEGMENT;
      item->cmsg_len = CMSG_LEN(sizeof segment);
      memcpy(CMSG_DATA(item), &segment, sizeof segment);
      used += CMSG_SPACE(sizeof segment);
    }
    header->msg_controllen = used;
    if (used == 0) header->msg_control = NULL;
  }
  int sent;
  do {
    sent = sendmmsg(descriptor, out, (unsigned)count, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}
