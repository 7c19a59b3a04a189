// Keeps a failed assertion inside ngtcp2 to the connection that it happened in.
//
// ngtcp2 is built with assertions, and older releases have some that a peer's packets can reach.
// One connection's peer must not end every other connection with it. While the door is inside
// ngtcp2, a failing assertion of ngtcp2 returns to the door, which never touches that connection's
// ngtcp2 and TLS state again: its memory is given up. Only C frames of ngtcp2 and GnuTLS lie between;
// Swift's callbacks have returned by then. Every other assertion ends the process as ever.
#ifndef DOOR_GUARD_H
#define DOOR_GUARD_H

#include <setjmp.h>

#include "internal.h"

extern _Thread_local jmp_buf *door_landing;

static inline void door_leave(char *guard) {
  (void)guard;
  door_landing = NULL;
}

// First in a function; returns `failure` from it when an assertion fails, and ever after.
#define DOOR_GUARD(connection, failure)                              \
  if ((connection)->is_broken) return failure;                       \
  jmp_buf landing;                                                   \
  if (_setjmp(landing)) {                                            \
    door_landing = NULL;                                             \
    (connection)->is_broken = 1;                                     \
    (connection)->last_error = NGTCP2_ERR_INTERNAL;                  \
    return failure;                                                  \
  }                                                                  \
  __attribute__((cleanup(door_leave), unused)) char guard = 0;       \
  door_landing = &landing

#endif
