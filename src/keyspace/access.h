/* access.h -- when, or how often, keys were last used on this node: what OBJECT IDLETIME and FREQ
 * tell. No part of the state: nobody else knows it, and it begins anew with the process.
 *
 *     key --hash--> one of 16384 lines { forgotten, (tag, value) x 7 }    64 bytes each
 *
 * value: seconds (ACCESS_TIME), or minutes << 8 | a logarithmic counter (ACCESS_FREQUENCY), as
 * Redis keeps them in each object. A line that is full forgets the key that was not used for
 * longest, or is used least, and remembers when: a key that is not there was not used since. */

#ifndef KEYSPACE_ACCESS_H
#define KEYSPACE_ACCESS_H

#include "base/bytes.h"
#include "base/prng.h"

enum access_kept { ACCESS_TIME, ACCESS_FREQUENCY };

#define ACCESS_NEW_COUNTER 5 /* of a key that is new (LFU_INIT_VAL) */
#define ACCESS_LOG_FACTOR 10 /* lfu-log-factor and */
#define ACCESS_DECAY_MINUTES 1 /* lfu-decay-time, as Redis has them by default */

struct access;

struct access *access_new(void);
void access_free(struct access *a);
/* Whatever is there was not used since now_s, as far as known. */
void access_reset(struct access *a, uint64_t now_s);
/* Where something else was kept before, it begins anew. */
void access_keep(struct access *a, enum access_kept kept, uint64_t now_s);

/* A key is named by its hash. */
void access_note(struct access *a, uint64_t key, uint64_t now_s);
void access_forget(struct access *a, uint64_t key);

/* Seconds since it was used; with a key that is not remembered: at least so many. */
uint64_t access_idle_s(struct access *a, uint64_t key, uint64_t now_s);
void access_set_idle(struct access *a, uint64_t key, uint64_t idle_s, uint64_t now_s);
/* 0 to 255; decayed up to now. */
uint8_t access_frequency(struct access *a, uint64_t key, uint64_t now_s);
void access_set_frequency(struct access *a, uint64_t key, uint8_t counter, uint64_t now_s);

#endif
