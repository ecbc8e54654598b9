/* log_format.c -- rows of the log database; see log_format.h. */

#include "kv/log_format.h"

#include "base/crc32c.h"
#include "base/panic.h"

struct log_key log_key(uint32_t group, enum log_table table, uint64_t index)
{
    struct log_key key;
    put_be32(key.bytes, group);
    key.bytes[4] = (uint8_t)table;
    put_be64(key.bytes + 5, index);
    return key;
}

uint64_t log_key_index(struct bytes key)
{
    CHECK(key.size == LOG_KEY_SIZE);
    return get_be64(bytes_data(key) + 5);
}

void log_row_seal(struct bytes key, uint8_t *value, size_t size)
{
    put_le32(value + size, crc32c(crc32c(0, key), bytes_of(value, size)));
}

bool log_row_open(struct bytes key, struct bytes value, struct bytes *body)
{
    if (value.size < LOG_CRC_SIZE)
        return false;
    *body = bytes_of(value.data, value.size - LOG_CRC_SIZE);
    return crc32c(crc32c(0, key), *body) == get_le32(bytes_data(value) + body->size);
}

bool log_entry_decode(struct bytes body, struct log_entry *entry)
{
    if (body.size < LOG_ENTRY_HEADER)
        return false;
    entry->kind = bytes_data(body)[0];
    entry->term = get_le64(bytes_data(body) + 1);
    entry->payload = bytes_of(bytes_data(body) + LOG_ENTRY_HEADER, body.size - LOG_ENTRY_HEADER);
    return true;
}
