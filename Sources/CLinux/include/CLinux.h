#pragma once
/* Linux calls that Swift's Glibc module leaves out. _GNU_SOURCE is defined in the .c file only: in a
 * public header it makes fd_set differ between modules. */
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

/* epoll_event is a packed union, awkward from Swift; the token is an opaque 64-bit value. */
int clinux_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token);
/* Waits for at most `capacity` events (64 at most) and unpacks them; returns their count or -1. */
int clinux_epoll_wait(int epoll, uint32_t *events, uint64_t *tokens, int capacity, int64_t nanoseconds);

/* accept4 with SOCK_NONBLOCK | SOCK_CLOEXEC. */
int clinux_accept(int listener, struct sockaddr *address, socklen_t *length);
/* socket with SOCK_NONBLOCK | SOCK_CLOEXEC; `type` is SOCK_STREAM or SOCK_DGRAM. */
int clinux_socket(int family, int is_stream);
/* Binds a socket to a path, or connects it. */
int clinux_bind_unix(int descriptor, const char *path);
int clinux_connect_unix(int descriptor, const char *path);
int clinux_eventfd(void);
/* Blocks until a descriptor can be read, or for so long; -1 for ever. */
void clinux_wait_readable(int descriptor, int milliseconds);
/* Waits until a descriptor can be written, for so long at most: 1 when it can. */
int clinux_wait_writable(int descriptor, int milliseconds);
int clinux_epoll_create(void);
/* Sends one datagram to a Unix socket, whose name begins with '@' when it is abstract; 0 when it was sent. */
int clinux_send_to_unix(const char *name, int name_size, const char *text, int size);
/* Blocks the signals in this thread and those it starts, and returns a descriptor that reads them. */
int clinux_signalfd(const int *signals, int count);
/* The next signal from a signalfd, 0 when none waits. */
int clinux_signal_read(int descriptor);
void clinux_thread_name(const char *name);
int64_t clinux_monotonic_nanoseconds(void);
int64_t clinux_utc_microseconds(void);
/* Resident memory of this process in bytes, from /proc/self/statm; 0 when unreadable. */
int64_t clinux_resident_bytes(void);
/* User and system time of this process in microseconds. */
int64_t clinux_cpu_microseconds(void);
/* Raises the soft limit of open descriptors to the hard one and returns it. */
int64_t clinux_raise_descriptor_limit(void);
/* Lets all threads take memory from one heap; to be called before there are any. */
void clinux_share_heap(void);
/* Processors that are online. */
int64_t clinux_cores(void);
/* Starts a program that is looked for in PATH, with low priority, nothing to read, and its outputs in a
 * pipe whose end `output` doesn't block. `arguments` are `count` strings, each ended by NUL, the
 * program's name first. Returns its process number, or -1 with errno. */
pid_t clinux_spawn(const char *arguments, int count, int *output);
/* Whether a child has ended: 1 with its exit code, or 128 + the signal that ended it; 0 while it runs. */
int clinux_reap(pid_t child, int *code);
/* Ends a child and everything it started, for good. */
void clinux_kill(pid_t child);
