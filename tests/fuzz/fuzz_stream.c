/* fuzz_stream.c -- any text as an id of a stream, or the end of a range:
 *   - what is an id says so again when it is written; its 16 bytes sort as it does; the next of it
 *     is the one whose previous it is;
 *   - commands that take such texts reply, and an error changes nothing;
 *   - ids only rise, and XLEN, XRANGE both ways and XINFO agree on what is there. */

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "command/stream.h"
#include "command_world.h"

const char fuzz_corpus[] = "stream";
const uint64_t fuzz_rounds = 50000;
const char *const fuzz_words[] = {
    "18446744073709551615", "18446744073709551616", "9223372036854775808", "-", "+", "*", "(", "$",
    ">", "0", "1", "0-0", "0-1", "1-*", "-1", "+1", " 1", "1-18446744073709551615", "\n", "0x10",
    "00", "1e3", "5-5", NULL,
};

#define ROUNDS_OF_A_WORLD 500
#define TEXTS_MAX 24
#define MISSING_SEQ 7
#define SHORT_MAX 127 /* longer ones are no ids, in Redis */

static struct world world;
static uint64_t rounds;

/* --- ids by themselves ------------------------------------------------------------------------ */

static struct bytes write_id(struct stream_id id, char text[static STREAM_ID_TEXT])
{
    const int size = snprintf(text, STREAM_ID_TEXT, "%llu-%llu", (unsigned long long)id.ms,
                              (unsigned long long)id.seq);
    return bytes_of(text, (size_t)size);
}

static void check_neighbours(struct stream_id id)
{
    struct stream_id other = id;
    if (stream_id_next(&other)) {
        CHECK(stream_id_compare(id, other) < 0);
        const bool has_previous = stream_id_previous(&other);
        CHECK(has_previous);
        CHECK(stream_id_compare(id, other) == 0);
    } else {
        CHECK(stream_id_compare(id, STREAM_ID_MAX) == 0);
    }
}

/* Digits alone, and not too large. */
static bool is_decimal(struct bytes text, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t digit = (uint8_t)(bytes_data(text)[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, digit, value))
            return false;
    }
    return text.size > 0;
}

/* What is written with digits is told without a look at how the parser does it; what Redis takes
 * beside them (blanks, signs) is left to it, but for numbers below zero. */
static void check_parse(struct bytes text, bool is_id, struct stream_id id)
{
    const uint8_t *dash = text.size == 0 ? NULL : memchr(text.data, '-', text.size);
    const size_t ms_size = dash == NULL ? text.size : (size_t)(dash - bytes_data(text));
    const struct bytes seq_text = bytes_from(text, MIN(text.size, ms_size + 1));
    uint64_t ms, seq = MISSING_SEQ, below;
    const bool has_ms = is_decimal(bytes_of(text.data, ms_size), &ms);
    if (has_ms && (dash == NULL || is_decimal(seq_text, &seq))) {
        CHECK(is_id);
        CHECK(id.ms == ms);
        CHECK(id.seq == seq);
    }
    if (seq_text.size > 1 && *bytes_data(seq_text) == '-' && bytes_data(seq_text)[1] != '0' &&
        is_decimal(bytes_from(seq_text, 1), &below) && below <= INT64_MAX)
        CHECK(!is_id);
}

static void check_id(struct bytes text, struct stream_id *last)
{
    struct stream_id id, again;
    const bool parsed = stream_id_parse(text, MISSING_SEQ, &id);
    if (text.size <= SHORT_MAX && !memchr(text.size == 0 ? "" : text.data, '\0', text.size))
        check_parse(text, parsed, id);
    if (!parsed)
        return;
    char written[STREAM_ID_TEXT];
    const bool is_id = stream_id_parse(write_id(id, written), 0, &again);
    CHECK(is_id);
    CHECK(stream_id_compare(id, again) == 0);
    uint8_t key[STREAM_ID_SIZE], last_key[STREAM_ID_SIZE];
    CHECK(stream_id_compare(stream_id_decode(stream_id_encode(id, key)), id) == 0);
    const int order = bytes_compare(stream_id_encode(id, key), stream_id_encode(*last, last_key));
    CHECK((order > 0) - (order < 0) == stream_id_compare(id, *last));
    check_neighbours(id);
    *last = id;
}

/* --- ids in commands -------------------------------------------------------------------------- */

/* "" in place of the text: NULL ends the words. */
static const char *const commands[][10] = {
    {"XADD", "s", "", "f", "v"},
    {"XADD", "s", "MAXLEN", "~", "3", "", "f", "v"},
    {"XADD", "s", "MINID", "", "", "f", "v"},
    {"XRANGE", "s", "", ""},
    {"XREVRANGE", "s", "", "", "COUNT", "2"},
    {"XREAD", "STREAMS", "s", ""},
    {"XDEL", "s", "", ""},
    {"XTRIM", "s", "MINID", ""},
    {"XTRIM", "s", "MINID", "~", "", "LIMIT", "2"},
    {"XSETID", "s", ""},
    {"XSETID", "s", "", "ENTRIESADDED", "5", "MAXDELETEDID", ""},
    {"XGROUP", "CREATE", "s", "g", "", "MKSTREAM"},
    {"XGROUP", "SETID", "s", "g", ""},
    {"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ""},
    {"XACK", "s", "g", "", ""},
    {"XCLAIM", "s", "g", "d", "0", "", "LASTID", ""},
    {"XCLAIM", "s", "g", "d", "0", "", "FORCE"},
    {"XAUTOCLAIM", "s", "g", "d", "0", ""},
    {"XPENDING", "s", "g", "", "", "5"},
    {"SET", "s", ""}, /* so that it may be of another type, until it is deleted */
    {"DEL", "s"},
};

static struct bytes run(const char *const *words, const struct bytes *texts, size_t text_count)
{
    struct bytes args[10];
    uint32_t count = 0;
    size_t used = 0;
    for (; count < 10 && words[count] != NULL; count++)
        args[count] = *words[count] != '\0' ? bytes_from_string(words[count])
                                            : texts[used++ % text_count];
    arena_reset(&world.arena);
    const uint64_t before = keyspace_digest(world.keyspace);
    const struct bytes reply = world_run(&world, args, count);
    CHECK(reply.size > 0);
    if (*bytes_data(reply) == '-')
        CHECK(keyspace_digest(world.keyspace) == before);
    return reply;
}

/* The number behind a '*' or ':', which the reply begins with. */
static uint64_t number_of(struct bytes reply)
{
    CHECK(*bytes_data(reply) == '*' || *bytes_data(reply) == ':');
    return strtoull((const char *)bytes_data(reply) + 1, NULL, 10);
}

static void check_stream(struct stream_id *last)
{
    struct object o;
    struct stream s;
    static const char *const length[] = {"XLEN", "s", NULL};
    static const char *const up[] = {"XRANGE", "s", "-", "+", NULL};
    static const char *const down[] = {"XREVRANGE", "s", "+", "-", NULL};
    const bool is_there = object_open(world.keyspace, 0, BYTES("s"), &o);
    if (!is_there || o.type != TYPE_STREAM) {
        *last = STREAM_ID_MIN;
        object_close(&o);
        return;
    }
    stream_facts(&o, &s);
    CHECK(stream_id_compare(s.max_deleted, STREAM_ID_MAX) <= 0);
    CHECK(stream_id_compare(s.first, s.last) <= 0 || object_count(&o) == 0);
    *last = s.last;
    const uint64_t count = object_count(&o);
    object_close(&o);
    CHECK(number_of(run(length, NULL, 1)) == count);
    CHECK(number_of(run(up, NULL, 1)) == count);
    CHECK(number_of(run(down, NULL, 1)) == count);
}

static void next_world(void)
{
    if (rounds++ % ROUNDS_OF_A_WORLD > 0)
        return;
    if (rounds > 1)
        world_close(&world);
    world_open(&world, 64 << 20);
}

/* The first bytes choose the commands; behind a 0xff come the texts, a line each. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size == 0 ? NULL : memchr(data, 0xff, size);
    if (end == NULL)
        return 0;
    struct bytes texts[TEXTS_MAX];
    size_t count = 0;
    struct stream_id last = STREAM_ID_MIN;
    for (const uint8_t *at = end + 1, *stop = data + size; count < TEXTS_MAX; at++) {
        const uint8_t *line = at == stop ? NULL : memchr(at, '\n', (size_t)(stop - at));
        texts[count] = bytes_of(at, (size_t)((line == NULL ? stop : line) - at));
        check_id(texts[count++], &last);
        if (line == NULL)
            break;
        at = line;
    }
    next_world();
    last = STREAM_ID_MIN;
    for (size_t i = 0; i < (size_t)(end - data) && i < 2 * TEXTS_MAX; i++) {
        const size_t from = i % count;
        const size_t n = data[i] % ARRAY_COUNT(commands);
        const struct stream_id before = last;
        run(commands[n], texts + from, count - from);
        check_stream(&last);
        if (strcmp(commands[n][0], "XADD") == 0)
            CHECK(stream_id_compare(last, before) >= 0);
    }
    static const char *const del[] = {"DEL", "s", NULL};
    run(del, NULL, 1);
    return 0;
}
