#pragma once
#include <zlib.h>

// A macro in zlib, which Swift does not see. Returns Z_OK, or an error of zlib's.
static inline int inflate_begin(z_stream *stream, int window_bits) {
    return inflateInit2(stream, window_bits);
}
