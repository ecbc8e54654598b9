/* sha1.h -- SHA-1 (FIPS 180-4): the name by which scripts are known. Not for secrets. */

#ifndef BASE_SHA1_H
#define BASE_SHA1_H

#include "base/bytes.h"

#define SHA1_SIZE 20
#define SHA1_HEX_SIZE 40

void sha1(struct bytes b, uint8_t digest[static SHA1_SIZE]);

/* In lower case, NUL-terminated. */
void sha1_hex(struct bytes b, char hex[static SHA1_HEX_SIZE + 1]);

#endif
