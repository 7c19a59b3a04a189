// UDP sockets with batches, segmentation offload and ECN, which Glibc's Swift module doesn't show.
// Calls return a count or a descriptor, or a negative errno.
#ifndef CLINUX_UDP_H
#define CLINUX_UDP_H

#include <stddef.h>
#include <stdint.h>

// An IP address with a port in host order; length is 4 or 16.
typedef struct clinux_udp_address {
  uint8_t bytes[16];
  uint8_t length;
  uint16_t port;
  uint32_t scope;
} clinux_udp_address;

// Opens a non-blocking socket at `local`, connected when `remote` is not NULL. Buffer sizes are
// asked for as far as the kernel allows.
int clinux_udp_open(const clinux_udp_address *local, const clinux_udp_address *remote,
                    int buffer_bytes);
int clinux_udp_local(int descriptor, clinux_udp_address *local);
void clinux_udp_close(int descriptor);

#define CLINUX_UDP_SLABS 16
#define CLINUX_UDP_SLAB_BYTES 65536
#define CLINUX_UDP_MESSAGES 64

// What one slab holds after a receive: datagrams of `segment` bytes, the last maybe shorter.
typedef struct clinux_udp_received {
  const uint8_t *bytes;
  size_t count;
  size_t segment;
  clinux_udp_address source;
  uint8_t congestion_mark;
} clinux_udp_received;

// The memory that datagrams are received into.
typedef struct clinux_udp_slabs clinux_udp_slabs;
clinux_udp_slabs *clinux_udp_slabs_new(void);
void clinux_udp_slabs_free(clinux_udp_slabs *slabs);
// Fills `received`, of CLINUX_UDP_SLABS, valid until the next call.
int clinux_udp_receive(int descriptor, clinux_udp_slabs *slabs, clinux_udp_received *received);

// A run of datagrams to one place: `count` bytes in datagrams of `segment` bytes.
typedef struct clinux_udp_message {
  size_t offset;
  size_t count;
  size_t segment;
  clinux_udp_address destination;
  uint8_t congestion_mark;
} clinux_udp_message;

// Sends up to CLINUX_UDP_MESSAGES; returns how many went out before the first that failed.
int clinux_udp_send(int descriptor, int is_connected, const uint8_t *bytes,
                    const clinux_udp_message *messages, size_t count);

#endif
