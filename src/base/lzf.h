/* lzf.h -- LZF, the compression of strings in Redis's dumps: literals, and references to what was
 * written up to 8 KiB before.
 *
 *     000nnnnn                     n + 1 literal bytes follow
 *     nnnooooo            oooooooo n + 2 bytes from o + 1 bytes back, n = 1 .. 6
 *     111ooooo nnnnnnnn   oooooooo n + 9 bytes from there
 *
 * Our own and not liblzf: that one's output depends on what its table held before, but a script may
 * store what DUMP gave, on every node the same. */

#ifndef BASE_LZF_H
#define BASE_LZF_H

#include "base/bytes.h"

/* No input unpacks to more than so many times its size. */
#define LZF_RATIO_MAX 88

/* The size written; 0: it is more than out_max. */
size_t lzf_compress(struct bytes in, uint8_t *out, size_t out_max);

/* True: in, which may be any bytes, unpacked to out_size bytes exactly. */
bool lzf_decompress(struct bytes in, uint8_t *out, size_t out_size);

#endif
