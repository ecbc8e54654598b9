/* resp_skip.h -- where does a reply end? For those who store or forward replies, and for tests. */

#ifndef RESP_SKIP_H
#define RESP_SKIP_H

#include "base/bytes.h"

enum resp_skip { RESP_SKIP_MORE, RESP_SKIP_DONE, RESP_SKIP_BAD };

/* The size in bytes of the one whole reply, RESP2 or RESP3, at the start of b, with all elements
 * and with the attribute before it. MORE: it goes on behind b. BAD: this is no reply of ours
 * (RESP3's streamed strings and aggregates are not). *size is set if DONE. */
enum resp_skip resp_skip(struct bytes b, size_t *size);

#endif
