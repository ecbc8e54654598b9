/* siphash.h -- SipHash-2-4, 64 bits: a keyed hash whose collisions a client cannot choose. */

#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include "base/bytes.h"

#define SIPHASH_KEY_SIZE 16

uint64_t siphash(const uint8_t key[static SIPHASH_KEY_SIZE], struct bytes b);

#endif
