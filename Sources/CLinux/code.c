/* Where hot code begins and ends: Config/hot-functions.txt has the linker put functions between these. */
#include "CLinuxCode.h"
#include <stdint.h>

#define MARK(name)                                                                                           \
  __attribute__((used, noinline, section(".text." #name))) static void name(void) { __asm__ volatile(""); }

MARK(hot_ingest_begin)
MARK(hot_ingest_end)
MARK(hot_serve_begin)
MARK(hot_serve_end)

enum { line_bytes = 64, most_bytes = 1 << 20 };

static void fetch(void (*begin)(void), void (*end)(void)) {
  uintptr_t first = (uintptr_t)begin, last = (uintptr_t)end;
  /* Without the linker's help they are anywhere. */
  if (last <= first || last - first > most_bytes) return;
  for (uintptr_t at = first; at < last; at += line_bytes) (void)*(const volatile char *)at;
}

void clinux_fetch_ingest_code(void) { fetch(hot_ingest_begin, hot_ingest_end); }
void clinux_fetch_serve_code(void) { fetch(hot_serve_begin, hot_serve_end); }
