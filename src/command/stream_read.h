/* stream_read.h -- XREAD and XREADGROUP in three steps, so that who waits for entries can take the
 * last one again: parse the arguments, resolve the ids, serve. */

#ifndef COMMAND_STREAM_READ_H
#define COMMAND_STREAM_READ_H

#include "command/stream.h"

struct stream_read {
    uint32_t key, key_count; /* args[key] is the first; their ids are behind them */
    uint64_t count;          /* entries of each stream; 0: all */
    int64_t block_ms;        /* how long to wait; 0: for ever; -1: not at all */
    struct bytes group, consumer; /* of XREADGROUP */
    bool is_group, has_group, no_ack;
};

/* False: it has replied. */
bool stream_read_parse(struct exec *x, struct stream_read *r);
/* Behind which id each stream is read, into ids[key_count]; STREAM_ID_MAX for ">". Also looks
 * whether keys are streams and, of XREADGROUP, have the group. False: it has replied. */
bool stream_read_ids(struct exec *x, const struct stream_read *r, struct stream_id *ids);
/* Replies if there is something to reply with now; false: there is not, and nothing has changed.
 * All that stream_read_ids() looks for is as it was there. */
bool stream_read_serve(struct exec *x, const struct stream_read *r, const struct stream_id *ids);

#endif
