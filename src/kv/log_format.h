/* log_format.h -- the rows of the log database. README.md has the table.
 *
 * Every row ends with a CRC32C over its key and all before the CRC, so that neither a flipped byte
 * nor a row under another's key passes for sound. Keys are big-endian, values little-endian. */

#ifndef KV_LOG_FORMAT_H
#define KV_LOG_FORMAT_H

#include "base/encode.h"
#include "kv/log_store.h"

#define LOG_FORMAT 2 /* in the number row; another one is refused */

#define LOG_GROUP_STORE 0u /* rows of the store as a whole */
#define LOG_GROUP_RAFT  1u /* the one raft group there is; more will share the store */

enum log_table {
    /* of LOG_GROUP_STORE, without index */
    LOG_BOOT = 'B',
    LOG_IDENTITY = 'I',
    LOG_MEMBERS = 'M', /* when the node was introduced */
    LOG_NUMBER = 'N',
    /* of a raft group */
    LOG_BASE = 'b',
    LOG_CONFIG = 'c', /* by index */
    LOG_ENTRY = 'e',  /* by index */
    LOG_HARD = 'h',
    LOG_SKIP = 's', /* by index */
};

#define LOG_KEY_SIZE 13     /* group:4 table:1 index:8; rows without index have 0 */
#define LOG_CRC_SIZE 4
#define LOG_ENTRY_HEADER 9  /* kind:1 term:8, then the payload */

struct log_key {
    uint8_t bytes[LOG_KEY_SIZE];
};

struct log_key log_key(uint32_t group, enum log_table table, uint64_t index);
uint64_t log_key_index(struct bytes key); /* of a key of LOG_KEY_SIZE */

static inline struct bytes log_key_bytes(const struct log_key *key)
{
    return bytes_of(key->bytes, LOG_KEY_SIZE);
}

/* Writes the CRC behind the first size bytes of value. */
void log_row_seal(struct bytes key, uint8_t *value, size_t size);

/* The row's bytes without its CRC; false when they do not agree. */
bool log_row_open(struct bytes key, struct bytes value, struct bytes *body);

/* An opened LOG_ENTRY row; false when it is too short to be one. */
bool log_entry_decode(struct bytes body, struct log_entry *entry);

#endif
