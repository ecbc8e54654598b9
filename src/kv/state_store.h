/* state_store.h -- the state database through its lives. Each is a generation, a directory of its
 * own; the file CURRENT names the one that counts.
 *
 *   dir/state/CURRENT        "3\n"
 *   dir/state/3/             the generation in use
 *   dir/state/incoming/      a snapshot on its way in, not yet believed
 *   dir/state/checkpoint-7/  hard links, while a snapshot is sent
 *
 * CURRENT always points at a whole generation, or there is none and the state is empty. All else
 * but incoming is swept away by state_store_open(). One thread at a time; the struct kv may be read
 * beside it, but not across install and close. */

#ifndef KV_STATE_STORE_H
#define KV_STATE_STORE_H

#include "base/bytes.h"
#include "base/status.h"

struct disk;
struct kv;
struct state_store;

struct state_store_options {
    struct disk *disk;
    const char *dir;          /* of the node */
    size_t block_cache_bytes; /* 0 = 8 MiB */
};

/* Opens the current generation, or makes the first, empty one. STATUS_CORRUPT: the generation is
 * damaged; with a sound log, state_store_discard() open anew, ask for a snapshot (§6.4). */
enum status state_store_open(const struct state_store_options *options, struct state_store **store,
                             struct error *e) MUST_CHECK;
void state_store_close(struct state_store *store); /* NULL is fine */

/* Borrowed until state_store_install() or _close(). */
struct kv *state_store_kv(struct state_store *store);
uint64_t state_store_generation(const struct state_store *store);

/* Where the files of an incoming snapshot go. The caller makes the directory, writes and syncs. */
const char *state_store_incoming(const struct state_store *store);

/* Opens incoming read-only, to be looked at before it is installed; kv_close() it. */
enum status state_store_inspect(struct state_store *store, struct kv **kv,
                                struct error *e) MUST_CHECK;

/* incoming becomes the current generation, atomically; the old one goes. No iterator on the old
 * struct kv may be left. On an error the store has no kv any more: close and open it. */
enum status state_store_install(struct state_store *store, struct error *e) MUST_CHECK;

/* A frozen copy of the present state under dir/state/checkpoint-<id>; its path, borrowed until the
 * next checkpoint. Replaces one of the same id. Safe beside a thread that ingests. */
enum status state_store_checkpoint(struct state_store *store, uint64_t id, const char **path,
                                   struct error *e) MUST_CHECK;
enum status state_store_drop_checkpoint(struct state_store *store, uint64_t id,
                                        struct error *e) MUST_CHECK;

/* The present generation was found damaged: the next state_store_open() says so. */
enum status state_store_set_damaged(struct state_store *store, const char *why,
                                    struct error *e) MUST_CHECK;

/* Removes every generation and CURRENT of a store that is not open; incoming too. */
enum status state_store_discard(const struct state_store_options *options,
                                struct error *e) MUST_CHECK;

#endif
