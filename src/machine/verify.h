/* verify.h -- whether a state that somebody else has made is one that this machine could have made:
 * keyspace/verify.h, with what commands and the machine know of their own rows. */

#ifndef MACHINE_VERIFY_H
#define MACHINE_VERIFY_H

#include "keyspace/verify.h"

/* STATUS_CORRUPT: no machine may be made on it; e says why. */
enum status machine_verify(struct kv *kv, const uint8_t hash_key[SIPHASH_KEY_SIZE],
                           const struct verify_pace *pace, struct error *e) MUST_CHECK;

#endif
