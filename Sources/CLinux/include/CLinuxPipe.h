#pragma once
/* Pipes and what moves their pages, which Swift's Glibc module leaves out. Calls return -1 with errno. */
#include <stddef.h>
#include <stdint.h>

/* A pipe that doesn't block and holds at least `size` bytes: `ends` are for reading and for writing. */
int clinux_pipe(int size, int ends[2]);
/* Makes a pipe's first bytes those of another too, without copying or waiting; returns how many. */
int64_t clinux_tee(int from, int to, size_t count);
/* Moves a pipe's first bytes to a file or socket without copying or waiting; returns how many. */
int64_t clinux_splice(int from, int to, size_t count);
/* A file that takes whatever is moved to it. */
int clinux_open_sink(void);
