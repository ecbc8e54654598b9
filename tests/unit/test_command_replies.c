/* test_command_replies.c -- replies and keyspace events, byte for byte those of Redis 7.0.15.
 *
 * The files tests/unit/command/(topic).txt hold commands and what Redis said to them (recorded by
 * command/record); each runs here from an empty keyspace:
 *
 *   set a 1              a command, words as in redis-cli
 *     +OK\r\n            its reply, escaped
 *     [new a@0 set a@0]  its keyspace events, if there were any
 *   ! protocol 3         RESP3 from here on
 *   ! clock 20           20 ms go by
 *   ! ours               the next reply is ours, not Redis's: why stands in a comment above */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "command_world.h"

static struct {
    char *lines;
    const char *file;
    int number;
} script;

static char *read_file(const char *topic)
{
    char path[512];
    const char *srcdir = getenv("srcdir");
    snprintf(path, sizeof(path), "%s/tests/unit/command/%s.txt", srcdir == NULL ? "." : srcdir,
             topic);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        fail_msg("cannot open %s", path);
    struct buf text = {0};
    size_t size;
    do {
        size = fread(buf_reserve(&text, 65536), 1, 65536, f);
        buf_commit(&text, size);
    } while (size > 0);
    fclose(f);
    buf_append_u8(&text, '\0');
    return (char *)text.memory;
}

/* The next line, or NULL; indented: only if it begins with two blanks, which are left out. */
static char *next_line(bool indented)
{
    char *line = script.lines;
    if (*line == '\0' || (strncmp(line, "  ", 2) == 0) != indented)
        return NULL;
    char *end = strchr(line, '\n');
    if (end != NULL)
        *end = '\0';
    script.lines = end == NULL ? line + strlen(line) : end + 1;
    script.number++;
    return indented ? line + 2 : line;
}

static void check_equal(const char *what, const char *command, struct bytes got, const char *want)
{
    if (!bytes_equal(got, bytes_from_string(want)))
        fail_msg("%s.txt:%d: %s of: %s\n  ours  %.*s\n  redis %s", script.file, script.number, what,
                 command, (int)got.size, got.size == 0 ? "" : (const char *)got.data, want);
}

static void check_command(struct world *w, const char *command)
{
    struct buf reply = {0}, events = {0};
    world_escape(world_run_line(w, command), &reply);
    const char *want = next_line(true);
    assert_non_null(want);
    check_equal("reply", command, buf_bytes(&reply), want);

    want = next_line(true);
    if (w->events.size > 0) {
        buf_append_u8(&events, '[');
        world_escape(buf_bytes(&w->events), &events);
        buf_append_u8(&events, ']');
    }
    check_equal("events", command, buf_bytes(&events), want == NULL ? "" : want);
    buf_clear(&reply);
    buf_clear(&events);
}

static void check_file(const char *topic, size_t cache_bytes)
{
    struct world w;
    char *text = read_file(topic);
    world_open(&w, cache_bytes);
    script.lines = text;
    script.file = topic;
    script.number = 0;
    const char *line;
    int commands = 0;
    while ((line = next_line(false)) != NULL) {
        if (strncmp(line, "! protocol ", 11) == 0) {
            w.protocol = atoi(line + 11);
        } else if (strncmp(line, "! clock ", 8) == 0) {
            w.clock_ms += (uint64_t)atoi(line + 8);
        } else if (*line != '\0' && *line != '#' && *line != '!') {
            check_command(&w, line);
            commands++;
        }
    }
    assert_int_equal(*script.lines, '\0');
    assert_true(commands > 10);
    world_close(&w);
    free(text);
}

#define CACHE_BYTES (8 << 20)

static void strings_reply_as_redis(void **state)
{
    (void)state;
    check_file("string", CACHE_BYTES);
}

static void counters_reply_as_redis(void **state)
{
    (void)state;
    check_file("counter", CACHE_BYTES);
}

static void lcs_replies_as_redis(void **state)
{
    (void)state;
    check_file("lcs", CACHE_BYTES);
}

static void deadlines_reply_as_redis(void **state)
{
    (void)state;
    check_file("expire", CACHE_BYTES);
}

static void bitmaps_reply_as_redis(void **state)
{
    (void)state;
    check_file("bitmap", CACHE_BYTES);
}

static void generic_commands_reply_as_redis(void **state)
{
    (void)state;
    check_file("generic", CACHE_BYTES);
}

static void payloads_are_those_of_redis(void **state)
{
    (void)state;
    check_file("dump", CACHE_BYTES);
    check_file("dump", 0);
}

static void debug_replies_as_redis(void **state)
{
    (void)state;
    check_file("debug", CACHE_BYTES);
}

static void hashes_reply_as_redis(void **state)
{
    (void)state;
    check_file("hash", CACHE_BYTES);
    check_file("hash", 0);
}

static void sets_reply_as_redis(void **state)
{
    (void)state;
    check_file("set", CACHE_BYTES);
    check_file("set", 0);
}

static void sorted_sets_reply_as_redis(void **state)
{
    (void)state;
    check_file("zset", CACHE_BYTES);
    check_file("zset", 0);
}

static void hyperloglogs_reply_as_redis(void **state)
{
    (void)state;
    check_file("hll", CACHE_BYTES);
    check_file("hll", 0);
}

static void commands_that_may_wait_reply_as_redis(void **state)
{
    (void)state;
    check_file("blocking", CACHE_BYTES);
    check_file("blocking", 0);
}

static void lists_reply_as_redis(void **state)
{
    (void)state;
    check_file("list", CACHE_BYTES);
    check_file("list", 0);
}

static void groups_of_streams_reply_as_redis(void **state)
{
    (void)state;
    check_file("stream_group", CACHE_BYTES);
    check_file("stream_group", 0);
}

static void streams_reply_as_redis(void **state)
{
    (void)state;
    check_file("stream", CACHE_BYTES);
    check_file("stream", 0);
}

static void sort_replies_as_redis(void **state)
{
    (void)state;
    check_file("sort", CACHE_BYTES);
    check_file("sort", 0);
}

static void users_reply_as_redis(void **state)
{
    (void)state;
    check_file("acl", CACHE_BYTES);
}

static void places_reply_as_redis(void **state)
{
    (void)state;
    check_file("geo", CACHE_BYTES);
    check_file("geo", 0);
}

static void fields_of_hashes_expire(void **state)
{
    (void)state;
    check_file("hash_expire", CACHE_BYTES);
    check_file("hash_expire", 0);
}

static void refusals_are_those_of_redis(void **state)
{
    (void)state;
    check_file("errors", CACHE_BYTES);
}

static void command_info_is_that_of_redis(void **state)
{
    (void)state;
    check_file("info", CACHE_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_reply_as_redis),
        cmocka_unit_test(counters_reply_as_redis),
        cmocka_unit_test(lcs_replies_as_redis),
        cmocka_unit_test(deadlines_reply_as_redis),
        cmocka_unit_test(bitmaps_reply_as_redis),
        cmocka_unit_test(generic_commands_reply_as_redis),
        cmocka_unit_test(payloads_are_those_of_redis),
        cmocka_unit_test(debug_replies_as_redis),
        cmocka_unit_test(hashes_reply_as_redis),
        cmocka_unit_test(sets_reply_as_redis),
        cmocka_unit_test(sorted_sets_reply_as_redis),
        cmocka_unit_test(hyperloglogs_reply_as_redis),
        cmocka_unit_test(lists_reply_as_redis),
        cmocka_unit_test(commands_that_may_wait_reply_as_redis),
        cmocka_unit_test(streams_reply_as_redis),
        cmocka_unit_test(sort_replies_as_redis),
        cmocka_unit_test(groups_of_streams_reply_as_redis),
        cmocka_unit_test(places_reply_as_redis),
        cmocka_unit_test(users_reply_as_redis),
        cmocka_unit_test(fields_of_hashes_expire),
        cmocka_unit_test(refusals_are_those_of_redis),
        cmocka_unit_test(command_info_is_that_of_redis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
