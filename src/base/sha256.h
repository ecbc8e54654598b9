/* sha256.h -- SHA-256 (FIPS 180-4): what is kept of a password. Ours, since apply needs it (§5: no
 * library whose version may differ between nodes) and no layer below the server knows OpenSSL. */

#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include "base/bytes.h"

#define SHA256_SIZE 32
#define SHA256_HEX_SIZE 64

void sha256(struct bytes b, uint8_t digest[static SHA256_SIZE]);

/* In lower case, NUL-terminated. */
void sha256_hex(struct bytes b, char hex[static SHA256_HEX_SIZE + 1]);

#endif
