#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int clinux_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
  struct epoll_event event = {.events = events, .data = {.u64 = token}};
  return epoll_ctl(epoll, operation, descriptor, &event);
}

int clinux_epoll_wait(int epoll, uint32_t *events, uint64_t *tokens, int capacity, int64_t nanoseconds) {
  struct epoll_event buffer[64];
  int timeout = -1;
  if (nanoseconds >= 0) {
    /* Rounded up: waking early would spin until the deadline. */
    int64_t milliseconds = (nanoseconds + 999999) / 1000000;
    timeout = milliseconds > 60000 ? 60000 : (int)milliseconds;
  }
  int count = epoll_wait(epoll, buffer, capacity < 64 ? capacity : 64, timeout);
  for (int index = 0; index < count; index++) {
    events[index] = buffer[index].events;
    tokens[index] = buffer[index].data.u64;
  }
  return count;
}

int clinux_accept(int listener, struct sockaddr *address, socklen_t *length) {
  return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int clinux_socket(int family, int is_stream) {
  return socket(family, (is_stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int unix_address(struct sockaddr_un *address, const char *path) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address->sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address->sun_path, path);
  return 0;
}

int clinux_bind_unix(int descriptor, const char *path) {
  struct sockaddr_un address;
  if (unix_address(&address, path) != 0) return -1;
  return bind(descriptor, (struct sockaddr *)&address, sizeof address);
}

int clinux_connect_unix(int descriptor, const char *path) {
  struct sockaddr_un address;
  if (unix_address(&address, path) != 0) return -1;
  return connect(descriptor, (struct sockaddr *)&address, sizeof address);
}

int clinux_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

void clinux_wait_readable(int descriptor, int milliseconds) {
  struct pollfd item = {.fd = descriptor, .events = POLLIN};
  while (poll(&item, 1, milliseconds) < 0 && errno == EINTR) {
  }
}

int clinux_send_to_unix(const char *name, int name_size, const char *text, int size) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (name_size < 1 || name_size > (int)sizeof address.sun_path - 1) return -1;
  memcpy(address.sun_path, name, (size_t)name_size);
  /* A path ends with NUL; the length of an abstract name counts, and NUL takes the place of its '@'. */
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)name_size);
  if (name[0] == '@')
    address.sun_path[0] = 0;
  else
    length += 1;
  int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  ssize_t sent = sendto(descriptor, text, (size_t)size, MSG_NOSIGNAL, (struct sockaddr *)&address, length);
  close(descriptor);
  return sent == size ? 0 : -1;
}

int clinux_wait_writable(int descriptor, int milliseconds) {
  struct pollfd item = {.fd = descriptor, .events = POLLOUT};
  int result;
  do {
    result = poll(&item, 1, milliseconds);
  } while (result < 0 && errno == EINTR);
  return result == 1 && (item.revents & POLLOUT) != 0;
}

int clinux_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int clinux_signalfd(const int *signals, int count) {
  sigset_t set;
  sigemptyset(&set);
  for (int index = 0; index < count; index++) sigaddset(&set, signals[index]);
  if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0) return -1;
  return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int clinux_signal_read(int descriptor) {
  struct signalfd_siginfo info;
  if (read(descriptor, &info, sizeof info) != sizeof info) return 0;
  return (int)info.ssi_signo;
}

void clinux_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

static int64_t clock_nanoseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clinux_monotonic_nanoseconds(void) { return clock_nanoseconds(CLOCK_MONOTONIC); }
int64_t clinux_utc_microseconds(void) { return clock_nanoseconds(CLOCK_REALTIME) / 1000; }

int64_t clinux_resident_bytes(void) {
  FILE *file = fopen("/proc/self/statm", "re");
  if (!file) return 0;
  long long size = 0, resident = 0;
  int fields = fscanf(file, "%lld %lld", &size, &resident);
  fclose(file);
  return fields == 2 ? (int64_t)resident * sysconf(_SC_PAGESIZE) : 0;
}

int64_t clinux_cpu_microseconds(void) {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
         usage.ru_stime.tv_usec;
}

int64_t clinux_raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return (int64_t)limit.rlim_cur;
}

void clinux_share_heap(void) { mallopt(M_ARENA_MAX, 1); }

int64_t clinux_cores(void) { return sysconf(_SC_NPROCESSORS_ONLN); }

enum { most_arguments = 64 };

pid_t clinux_spawn(const char *arguments, int count, int *output) {
  char *list[most_arguments + 1];
  if (count < 1 || count > most_arguments) {
    errno = E2BIG;
    return -1;
  }
  for (int index = 0; index < count; index++) {
    list[index] = (char *)arguments;
    arguments += strlen(arguments) + 1;
  }
  list[count] = NULL;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  pid_t child = -1;
  int result = posix_spawnp(&child, list[0], &actions, &attributes, list, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (result != 0) {
    close(ends[0]);
    errno = result;
    return -1;
  }
  setpriority(PRIO_PROCESS, (id_t)child, 10);
  *output = ends[0];
  return child;
}

int clinux_reap(pid_t child, int *code) {
  int status = 0;
  pid_t ended = waitpid(child, &status, WNOHANG);
  if (ended == 0 || (ended < 0 && errno == EINTR)) return 0;
  *code = ended < 0 ? 127 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return 1;
}

void clinux_kill(pid_t child) {
  kill(-child, SIGKILL);
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
  }
}
