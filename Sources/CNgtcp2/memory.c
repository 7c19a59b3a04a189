// The memory of ngtcp2, counted for each connection.
#include <malloc.h>
#include <stdlib.h>

#include "internal.h"

static void *counted_malloc(size_t count, void *user_data) {
  void *memory = malloc(count);
  ((door_connection *)user_data)->heap_bytes += malloc_usable_size(memory);
  return memory;
}

static void counted_free(void *memory, void *user_data) {
  ((door_connection *)user_data)->heap_bytes -= malloc_usable_size(memory);
  free(memory);
}

static void *counted_calloc(size_t count, size_t size, void *user_data) {
  void *memory = calloc(count, size);
  ((door_connection *)user_data)->heap_bytes += malloc_usable_size(memory);
  return memory;
}

static void *counted_realloc(void *memory, size_t count, void *user_data) {
  size_t before = malloc_usable_size(memory);
  void *moved = realloc(memory, count);
  if (moved)
    ((door_connection *)user_data)->heap_bytes += malloc_usable_size(moved) - before;
  return moved;
}

size_t door_heap_bytes(const door_connection *connection) { return connection->heap_bytes; }

ngtcp2_mem door_counted_memory(door_connection *connection) {
  return (ngtcp2_mem){connection, counted_malloc, counted_free, counted_calloc, counted_realloc};
}
