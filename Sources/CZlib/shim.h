#pragma once
#include <zlib.h>

/* deflateInit2 is a macro, which Swift does not import. windowBits 15 + 16 selects the gzip format. */
static inline int czlib_gzip_init(z_stream *stream, int level) {
  return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

/* The same for inflateInit2: gzip alone. */
static inline int czlib_gunzip_init(z_stream *stream) {
  return inflateInit2(stream, 15 + 16);
}
