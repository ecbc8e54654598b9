/* object_packed.c -- ordered maps packed in the meta row. */

#include "keyspace/object_rows.h"

uint64_t object_packed_count(struct bytes packed)
{
    return packed.size < 2 ? 0 : get_le16(packed.data);
}
