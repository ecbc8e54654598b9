/* crc64.h -- CRC-64 (Jones' polynomial 0xad93d23594c935a9, reflected, from 0), which ends the
 * payloads of DUMP. Not for our own files: those have CRC-32C. */

#ifndef BASE_CRC64_H
#define BASE_CRC64_H

#include "base/bytes.h"

uint64_t crc64(struct bytes b);

#endif
