/* fuzz_restore.c -- what holds for any bytes that RESTORE is given (the footer is made right, or
 * nothing would get behind it):
 *   - it ends, reads nothing beyond them (ASan looks), and replies with OK or an error;
 *   - an error changes nothing;
 *   - what it took is a whole value: DUMP of it is taken again, and is the same value. */

#include "fuzz.h"

#include <stdlib.h>

#include "base/crc64.h"
#include "base/panic.h"
#include "command/rdb.h"
#include "command_world.h"

const char fuzz_corpus[] = "restore";
const uint64_t fuzz_rounds = 100000;
const char *const fuzz_words[] = {
    "\x80\xff\xff\xff\xff", "\x81\xff\xff\xff\xff\xff\xff\xff\xff", "\xc0", "\xc1", "\xc2", "\xc3",
    "\xfe", "\xff", "\xf0\xff\xff\xff\xff", "\xf4", "\xe0", "\x7f\xff", "\x01", "\x02",
    "\xc3\x05\x0a\x01" "a\xe0\x01\x01", NULL,
};

#define ROUNDS_OF_A_WORLD 2000 /* so that what was deleted does not fill the memory */
#define DIGEST_REPLY 43        /* "+", 40 digits, "\r\n" */

static struct world world;
static uint32_t rounds;
static struct buf payload;

static struct bytes run(const char *name, struct bytes a, struct bytes b, struct bytes c)
{
    const struct bytes args[] = {bytes_from_string(name), a, b, c, BYTES("replace")};
    const uint32_t count = strcmp(name, "restore") == 0 ? 5 : c.data != NULL ? 4
                           : b.data != NULL             ? 3
                                                        : 2;
    arena_reset(&world.arena);
    return world_run(&world, args, count);
}

static bool restore(const char *key)
{
    const struct bytes reply = run("restore", bytes_from_string(key), BYTES("0"),
                                   buf_bytes(&payload));
    CHECK(reply.size > 0);
    const bool ok = bytes_equal(reply, BYTES("+OK\r\n"));
    CHECK(ok || *bytes_data(reply) == '-');
    return ok;
}

static void next_world(void)
{
    if (rounds % ROUNDS_OF_A_WORLD == 0) {
        if (rounds > 0)
            world_close(&world);
        world_open(&world, 64 << 20);
        world.settings.apply_rows_max = 10000;
        world.settings.proto_max_bulk_len = 1 << 20;
    }
    rounds++;
}

/* The payload that DUMP gives of key: the bulk without its head and end. False: it is not there any
 * more, all its fields were due. */
static bool dump(const char *key)
{
    const struct bytes reply = run("dump", bytes_from_string(key), BYTES_NONE, BYTES_NONE);
    if (bytes_equal(reply, BYTES("$-1\r\n")))
        return false;
    const uint8_t *head_end = memchr(reply.data, '\n', reply.size);
    CHECK(head_end != NULL);
    const size_t head = (size_t)(head_end + 1 - bytes_data(reply));
    buf_reset(&payload);
    buf_append(&payload, head_end + 1, reply.size - head - 2);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    next_world();
    buf_reset(&payload);
    buf_append(&payload, data, size);
    buf_append_le16(&payload, rdb_version_of(size == 0 ? 0 : data[0]));
    buf_append_le64(&payload, crc64(buf_bytes(&payload)));

    run("persist", BYTES("a"), BYTES_NONE, BYTES_NONE); /* fields that are due in it go now */
    const uint64_t before = keyspace_digest(world.keyspace);
    if (!restore("a")) {
        CHECK(keyspace_digest(world.keyspace) == before);
        return 0;
    }
    if (!dump("a"))
        return 0;
    const bool is_whole = restore("b");
    CHECK(is_whole);
    const struct bytes digests = run("debug", BYTES("digest-value"), BYTES("a"), BYTES("b"));
    CHECK(digests.size == 4 + 2 * DIGEST_REPLY); /* "*2\r\n" */
    const uint8_t *first = bytes_data(digests) + 4;
    CHECK(memcmp(first, first + DIGEST_REPLY, DIGEST_REPLY) == 0);
    return 0;
}
