#define _GNU_SOURCE
#include "CLinuxPipe.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int clinux_pipe(int size, int ends[2]) {
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return -1;
  if (fcntl(ends[1], F_SETPIPE_SZ, size) >= size) return 0;
  int reason = errno;
  close(ends[0]);
  close(ends[1]);
  errno = reason;
  return -1;
}

int64_t clinux_tee(int from, int to, size_t count) { return tee(from, to, count, SPLICE_F_NONBLOCK); }

int64_t clinux_splice(int from, int to, size_t count) {
  return splice(from, NULL, to, NULL, count, SPLICE_F_NONBLOCK);
}

int clinux_open_sink(void) { return open("/dev/null", O_WRONLY | O_CLOEXEC); }
