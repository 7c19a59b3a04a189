#pragma once
#include <zlib.h>

/* deflateInit2 is a macro, which Swift does not import. windowBits + 16 selects the gzip format; the rest of the
   state is as much smaller than zlib's default as the window is. */
static inline int czlib_gzip_init(z_stream *stream, int level, int window_bits) {
  return deflateInit2(stream, level, Z_DEFLATED, window_bits + 16, window_bits - 7, Z_DEFAULT_STRATEGY);
}

/* The same for inflateInit2: gzip alone. */
static inline int czlib_gunzip_init(z_stream *stream) {
  return inflateInit2(stream, 15 + 16);
}
