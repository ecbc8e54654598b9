/* bits.h -- integers of any width within strings: what SETBIT and BITFIELD share. */

#ifndef COMMAND_BITS_H
#define COMMAND_BITS_H

#include "command/string.h"

#define BITS_MAX 64

/* A bit's position; with bits > 0 also "#n", the n-th field of so many bits. False: it replied. */
bool arg_bit_offset(struct exec *x, uint32_t n, int bits, uint64_t *offset);

/* The bits (1 .. BITS_MAX) at offset as a number, high bit first; zeros behind the string, or when
 * o is absent. */
uint64_t bits_get(struct object *o, uint64_t offset, int bits);
/* o is a string; it grows as it must. */
void bits_set(struct object *o, uint64_t offset, int bits, uint64_t value);
/* Makes o, absent or a string, long enough for last_bit, with zeros. True if it was not. */
bool bits_grow(struct object *o, uint64_t last_bit);

#endif
