/* test_entry.c -- the log entry's bytes: what was encoded comes back, all else is refused. */

#include "test.h"

#include <stdio.h>

#include "base/crc32c.h"
#include "base/encode.h"
#include "machine/entry.h"

static const struct bytes set_args[] = {{"SET", 3}, {"k", 1}, {"a\0b", 3}, {NULL, 0}};

static struct request set_request(void)
{
    return (struct request){.kind = REQ_COMMAND, .flags = REQUEST_READ, .db = 7, .user = 0x01020304,
                            .args = set_args, .arg_count = ARRAY_COUNT(set_args)};
}

/* The layout of ARCHITECTURE §4, byte by byte: it is what older logs hold. */
static void a_request_has_the_documented_bytes(void **state)
{
    (void)state;
    const struct request r = set_request();
    const uint8_t want[] = {1, 1, 7, 4, 3, 2, 1, 4, 0, 0, 0, 3, 0, 0, 0, 'S', 'E', 'T',
                            1, 0, 0, 0, 'k', 3, 0, 0, 0, 'a', 0, 'b', 0, 0, 0, 0};
    struct buf b = {0};
    request_encode(&b, &r);
    assert_int_equal(b.size, sizeof(want));
    assert_int_equal(request_size(&r), sizeof(want));
    assert_memory_equal(buf_data(&b), want, sizeof(want));
    buf_clear(&b);
}

static void an_entry_has_the_documented_bytes(void **state)
{
    (void)state;
    const struct entry_head head = {.format = 1, .flags = 0, .count = 0x0102, .origin = 3,
                                    .boot = 4, .batch = 5, .clock_ms = 6, .seed = 7};
    struct buf b = {0};
    entry_encode(&b, &head, BYTES("xyz"));
    assert_int_equal(b.size, 44 + 3 + 4);
    const uint8_t *at = buf_data(&b);
    const uint8_t start[] = {1, 0, 2, 1, 3, 0, 0, 0, 0, 0, 0, 0, 4};
    assert_memory_equal(at, start, sizeof(start));
    assert_int_equal(get_le64(at + 20), 5);
    assert_int_equal(get_le64(at + 28), 6);
    assert_int_equal(get_le64(at + 36), 7);
    assert_memory_equal(at + 44, "xyz", 3);
    assert_int_equal(get_le32(at + 47), crc32c(0, bytes_of(at, 47)));
    buf_clear(&b);
}

static void requests_come_back_as_they_were(void **state)
{
    (void)state;
    const struct request r = set_request();
    struct buf requests = {0}, entry = {0};
    request_encode(&requests, &r);
    request_encode(&requests, &(struct request){.kind = REQ_CLOCK});
    const struct entry_head head = {.format = ENTRY_FORMAT, .count = 2, .origin = 9};
    entry_encode(&entry, &head, buf_bytes(&requests));

    struct entry_head got;
    struct reader reader;
    struct error e;
    assert_int_equal(entry_decode(buf_bytes(&entry), &got, &reader, &e), STATUS_OK);
    assert_int_equal(got.count, 2);
    assert_int_equal(got.origin, 9);
    struct arena arena;
    arena_init(&arena);
    struct request first, second;
    assert_true(request_decode(&reader, &arena, &first));
    assert_true(request_decode(&reader, &arena, &second));
    assert_int_equal(reader_left(&reader), 0);
    assert_int_equal(first.db, 7);
    assert_int_equal(first.user, 0x01020304);
    assert_int_equal(first.flags, REQUEST_READ);
    assert_int_equal(first.arg_count, 4);
    for (uint32_t i = 0; i < first.arg_count; i++)
        assert_true(bytes_equal(first.args[i], set_args[i]));
    assert_int_equal(second.kind, REQ_CLOCK);
    assert_int_equal(second.arg_count, 0);
    arena_clear(&arena);
    buf_clear(&requests);
    buf_clear(&entry);
}

static void every_flipped_bit_of_an_entry_is_found(void **state)
{
    (void)state;
    struct buf entry = {0};
    entry_encode(&entry, &(struct entry_head){.format = ENTRY_FORMAT}, BYTES("some requests"));
    for (size_t bit = 0; bit < entry.size * 8; bit++) {
        buf_data(&entry)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct entry_head head;
        struct reader reader;
        const enum status status = entry_decode(buf_bytes(&entry), &head, &reader, NULL);
        assert_int_equal(status, bit < 8 ? STATUS_INVALID : STATUS_CORRUPT);
        buf_data(&entry)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < entry.size; size++) {
        struct entry_head head;
        struct reader reader;
        assert_int_equal(entry_decode(bytes_of(buf_data(&entry), size), &head, &reader, NULL),
                         STATUS_CORRUPT);
    }
    buf_clear(&entry);
}

static void watches_and_commands_of_exec_come_back(void **state)
{
    (void)state;
    const struct watch watches[] = {
        {.selected = 3, .number = 16, .stamp = 1ull << 40 | 2, .key = {"key", 3}},
        {.key = {"", 0}},
    };
    struct buf b = {0}, c = {0};
    exec_encode_watches(&b, watches, 2);
    const struct request r = set_request();
    exec_encode_command(&c, &r);

    struct arena arena;
    arena_init(&arena);
    struct watch *got;
    uint32_t count;
    assert_true(exec_decode_watches(buf_bytes(&b), &arena, &got, &count));
    assert_int_equal(count, 2);
    assert_int_equal(got[0].selected, 3);
    assert_int_equal(got[0].number, 16);
    assert_int_equal(got[0].stamp, 1ull << 40 | 2);
    assert_true(bytes_equal(got[0].key, watches[0].key));
    assert_int_equal(got[1].key.size, 0);
    struct request command;
    assert_true(exec_decode_command(buf_bytes(&c), &arena, &command));
    assert_int_equal(command.arg_count, 4);
    assert_int_equal(command.db, 7);
    for (size_t size = 0; size < b.size; size++)
        assert_false(exec_decode_watches(bytes_of(buf_data(&b), size), &arena, &got, &count));
    for (size_t size = 0; size < c.size; size++)
        assert_false(exec_decode_command(bytes_of(buf_data(&c), size), &arena, &command));
    arena_clear(&arena);
    buf_clear(&b);
    buf_clear(&c);
}

/* One row per rule of entry_batch_is_valid(). */
static void only_what_apply_takes_is_valid(void **state)
{
    (void)state;
    const struct bytes four = BYTES("\1\0\0\0"), five = BYTES("\1\0\0\0\0");
    const struct bytes name = BYTES("\0\0\0\1\0\0\0\1k"), short_name = BYTES("\0\0\0\1\0\0\0\2k");
    const struct bytes no_watches = BYTES("\0\0\0\0");
    const struct {
        uint8_t kind;
        uint32_t copies, arg_count;
        struct bytes args[2];
        bool valid;
    } rows[] = {
        {REQ_COMMAND, 1, 1, {four}, true},
        {REQ_COMMAND, 3, 2, {four, four}, true},
        {REQ_COMMAND, 1, 0, {four}, false},
        {REQ_EXEC, 1, 1, {no_watches}, true},
        {REQ_EXEC, 1, 1, {four}, false},
        {REQ_EXEC, 1, 2, {no_watches, BYTES("x")}, false},
        {REQ_EXEC, 1, 0, {four}, false},
        {REQ_PART, 1, 2, {four, four}, true},
        {REQ_PART, 2, 2, {four, four}, false},
        {REQ_PART, 1, 2, {five, four}, false},
        {REQ_EXPIRE_DUE, 1, 2, {four, BYTES_NONE}, true},
        {REQ_EXPIRE_DUE, 1, 2, {four, name}, true},
        {REQ_EXPIRE_DUE, 1, 2, {four, short_name}, false},
        {REQ_EXPIRE_DUE, 1, 1, {four}, false},
        {REQ_CLOCK, 1, 0, {four}, true},
        {REQ_CLOCK, 1, 1, {four}, false},
        {REQ_SETTING, 1, 2, {four, four}, true},
        {REQ_SETTING, 1, 1, {four}, false},
        {REQ_RESERVED, 1, 1, {four}, false},
        {REQ_SKIP, 1, 0, {four}, true},
        {REQ_UNBLOCK, 1, 1, {four}, false},
        {REQ_CANCEL, 1, 1, {four}, false},
        {REQ_ORIGIN_LOST, 1, 1, {four}, false},
        {0, 1, 1, {four}, false},
        {200, 1, 1, {four}, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct buf b = {0};
        for (uint32_t copy = 0; copy < rows[i].copies; copy++)
            request_encode(&b, &(struct request){.kind = rows[i].kind, .args = rows[i].args,
                                                 .arg_count = rows[i].arg_count});
        if (entry_batch_is_valid(buf_bytes(&b), rows[i].copies) != rows[i].valid)
            fail_msg("row %zu", i);
        assert_false(entry_batch_is_valid(buf_bytes(&b), rows[i].copies + 1));
        assert_false(entry_batch_is_valid(buf_bytes(&b), 0));
        buf_append_u8(&b, 1);
        assert_false(entry_batch_is_valid(buf_bytes(&b), rows[i].copies));
        buf_clear(&b);
    }
}

static void an_entry_is_described_in_one_line_per_request(void **state)
{
    (void)state;
    struct buf requests = {0}, entry = {0}, text = {0};
    const struct request r = set_request();
    request_encode(&requests, &r);
    request_encode(&requests, &(struct request){.kind = REQ_CLOCK});
    entry_encode(&entry, &(struct entry_head){.format = ENTRY_FORMAT, .count = 2},
                 buf_bytes(&requests));
    entry_describe(buf_bytes(&entry), &text);
    const struct bytes want = BYTES("db7 SET k a\\x00b \"\"\nCLOCK\n");
    assert_true(bytes_equal(buf_bytes(&text), want));
    buf_clear(&requests);
    buf_clear(&entry);
    buf_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_has_the_documented_bytes),
        cmocka_unit_test(an_entry_has_the_documented_bytes),
        cmocka_unit_test(requests_come_back_as_they_were),
        cmocka_unit_test(every_flipped_bit_of_an_entry_is_found),
        cmocka_unit_test(watches_and_commands_of_exec_come_back),
        cmocka_unit_test(only_what_apply_takes_is_valid),
        cmocka_unit_test(an_entry_is_described_in_one_line_per_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
