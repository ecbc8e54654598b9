/* test_resp_write.c -- replies byte for byte: those of redis-server 7.0.15 (DEBUG PROTOCOL,
 * ZSCORE), and the RESP3 specification for what it does not send. And resp_skip(). */

#include "test.h"

#include <math.h>

#include "resp/resp_skip.h"
#include "resp/resp_write.h"

static void assert_written(struct buf *b, struct bytes want)
{
    if (!bytes_equal(buf_bytes(b), want))
        fail_msg("\"%.*s\" instead of \"%.*s\"", (int)b->size, (const char *)buf_data(b),
                 (int)want.size, (const char *)want.data);
    buf_reset(b);
}

static void values_that_both_protocols_write_alike(void **state)
{
    (void)state;
    struct buf b = {0};
    resp_simple(&b, BYTES("OK"));
    assert_written(&b, BYTES("+OK\r\n"));
    resp_int64(&b, 0);
    resp_int64(&b, 12345);
    resp_int64(&b, -7);
    resp_int64(&b, INT64_MIN);
    assert_written(&b, BYTES(":0\r\n:12345\r\n:-7\r\n:-9223372036854775808\r\n"));
    resp_bulk(&b, BYTES("Hello World"));
    resp_bulk(&b, BYTES_NONE);
    resp_bulk(&b, BYTES("a\r\n\0"));
    resp_bulk_int64(&b, -12);
    assert_written(&b, BYTES("$11\r\nHello World\r\n$0\r\n\r\n$4\r\na\r\n\0\r\n$3\r\n-12\r\n"));
    resp_array(&b, 0);
    resp_array(&b, 10);
    resp_array(&b, 1048576);
    assert_written(&b, BYTES("*0\r\n*10\r\n*1048576\r\n"));
    buf_clear(&b);
}

static void an_error_is_one_line(void **state)
{
    (void)state;
    struct buf b = {0};
    resp_error(&b, BYTES("ERR no such key"));
    assert_written(&b, BYTES("-ERR no such key\r\n"));
    resp_error(&b, BYTES("ERR unknown command 'foo\nbar\r\nx'\r\n"));
    assert_written(&b, BYTES("-ERR unknown command 'foo bar  x'\r\n"));
    resp_error(&b, BYTES("\r\n"));
    assert_written(&b, BYTES("-\r\n"));
    buf_clear(&b);
}

static void values_that_differ_between_the_protocols(void **state)
{
    (void)state;
    struct buf b = {0};
    for (enum resp_protocol p = RESP2; p <= RESP3; p++) {
        resp_null(&b, p);
        resp_null_array(&b, p);
        resp_bool(&b, p, true);
        resp_bool(&b, p, false);
        resp_double(&b, p, 3.141);
        resp_big_number(&b, p, BYTES("1234567999999999999999999999999999999"));
        resp_verbatim(&b, p, "txt", BYTES("This is a verbatim\nstring"));
        assert_written(&b, p == RESP2
            ? BYTES("$-1\r\n*-1\r\n:1\r\n:0\r\n$5\r\n3.141\r\n"
                    "$37\r\n1234567999999999999999999999999999999\r\n"
                    "$25\r\nThis is a verbatim\nstring\r\n")
            : BYTES("_\r\n_\r\n#t\r\n#f\r\n,3.141\r\n"
                    "(1234567999999999999999999999999999999\r\n"
                    "=29\r\ntxt:This is a verbatim\nstring\r\n"));
        resp_map(&b, p, 3);
        resp_set(&b, p, 3);
        resp_push(&b, p, 2);
        assert_written(&b, p == RESP2 ? BYTES("*6\r\n*3\r\n*2\r\n") : BYTES("%3\r\n~3\r\n>2\r\n"));
    }
    resp_attribute(&b, 1);
    assert_written(&b, BYTES("|1\r\n"));
    buf_clear(&b);
}

/* ZADD z <text> m, ZSCORE z m; -0 is what printf("%.17g") gives. */
static void doubles_are_written_as_redis_writes_them(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-17, "-17"},
        {-1.5, "-1.5"},
        {0.1, "0.10000000000000001"},
        {3.14159, "3.1415899999999999"},
        {1e15, "1000000000000000"},
        {-1e15 + 1, "-999999999999999"},
        {1e16, "10000000000000000"},
        {1e17, "1e+17"},
        {123456789012345678., "1.2345678901234568e+17"},
        {99999999999999999., "1e+17"},
        {1e300, "1.0000000000000001e+300"},
        {-1e-300, "-1e-300"},
        {5e-324, "4.9406564584124654e-324"},
        {-1.7976931348623157e308, "-1.7976931348623157e+308"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
        {-NAN, "nan"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[RESP_DOUBLE_SIZE];
        const struct bytes got = resp_double_text(cases[i].value, text);
        assert_true(bytes_equal(got, bytes_from_string(cases[i].text)));
    }
}

static void a_deferred_count_gives_what_a_known_one_gives(void **state)
{
    (void)state;
    struct buf b = {0};
    resp_simple(&b, BYTES("before"));
    const size_t outer = resp_defer(&b);
    for (int64_t i = 0; i < 12; i++) {
        const size_t inner = resp_defer(&b);
        resp_int64(&b, i);
        resp_int64(&b, -i);
        resp_defer_end(&b, inner, RESP3, RESP_MAP, 1);
    }
    resp_defer_end(&b, outer, RESP3, RESP_ARRAY, 12);

    struct buf want = {0};
    resp_simple(&want, BYTES("before"));
    resp_array(&want, 12);
    for (int64_t i = 0; i < 12; i++) {
        resp_map(&want, RESP3, 1);
        resp_int64(&want, i);
        resp_int64(&want, -i);
    }
    assert_written(&b, buf_bytes(&want));

    const size_t at = resp_defer(&b);
    resp_defer_end(&b, at, RESP2, RESP_MAP, 6);
    assert_written(&b, BYTES("*12\r\n"));
    buf_clear(&want);
    buf_clear(&b);
}

/* However full the buffer is when the head comes, the elements stay what they were. */
static void a_deferred_count_finds_room_in_any_buffer(void **state)
{
    (void)state;
    for (size_t size = 0; size < 300; size++) {
        struct buf b = {0};
        const size_t at = resp_defer(&b);
        for (size_t i = 0; i < size; i++)
            buf_append_u8(&b, (uint8_t)i);
        resp_defer_end(&b, at, RESP2, RESP_ARRAY, 123456);
        assert_int_equal(b.size, size + 9);
        assert_memory_equal(buf_data(&b), "*123456\r\n", 9);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(buf_data(&b)[9 + i], (uint8_t)i);
        buf_clear(&b);
    }
}

/* Each whole reply is measured, with another behind it; each beginning of it says MORE. */
static void assert_skipped(struct bytes reply)
{
    struct buf b = {0};
    buf_append_bytes(&b, reply);
    buf_append_string(&b, "+next\r\n");
    size_t size = 0;
    assert_int_equal(resp_skip(buf_bytes(&b), &size), RESP_SKIP_DONE);
    assert_int_equal(size, reply.size);
    for (size_t cut = 0; cut < reply.size; cut++)
        assert_int_equal(resp_skip(bytes_of(reply.data, cut), &size), RESP_SKIP_MORE);
    buf_clear(&b);
}

static void skip_measures_whole_replies(void **state)
{
    (void)state;
    static const struct bytes replies[] = {
        BYTES("+OK\r\n"),
        BYTES("-ERR x\r\n"),
        BYTES(":-12\r\n"),
        BYTES("$-1\r\n"),
        BYTES("*-1\r\n"),
        BYTES("_\r\n"),
        BYTES("#t\r\n"),
        BYTES(",inf\r\n"),
        BYTES("(123\r\n"),
        BYTES("$0\r\n\r\n"),
        BYTES("$4\r\na\r\nb\r\n"),
        BYTES("=7\r\ntxt:a\r\n\r\n"),
        BYTES("!5\r\nERR x\r\n"),
        BYTES("*0\r\n"),
        BYTES("*2\r\n*2\r\n:1\r\n:2\r\n$1\r\na\r\n"),
        BYTES("%2\r\n+a\r\n:1\r\n+b\r\n~2\r\n:1\r\n:2\r\n"),
        BYTES(">2\r\n+a\r\n+b\r\n"),
        BYTES("|1\r\n+ttl\r\n:3\r\n+value\r\n"),
        BYTES("*1\r\n|1\r\n+ttl\r\n:3\r\n:4\r\n"),
    };
    for (size_t i = 0; i < ARRAY_COUNT(replies); i++)
        assert_skipped(replies[i]);
}

static void skip_refuses_what_is_no_reply(void **state)
{
    (void)state;
    static const struct bytes bad[] = {
        BYTES("PING\r\n"),
        BYTES("$x\r\n"),
        BYTES("$-2\r\n"),
        BYTES("%-1\r\n"),
        BYTES("$1\r\nabc"),
        BYTES("+OK\rx"),
        BYTES("*1\r\nx"),
        BYTES("*18446744073709551615\r\n:1\r\n*18446744073709551615\r\n"),
        BYTES("%9223372036854775808\r\n"),
        BYTES("\0"),
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        size_t size;
        assert_int_equal(resp_skip(bad[i], &size), RESP_SKIP_BAD);
    }
}

static void depth_of_nesting_costs_no_stack(void **state)
{
    (void)state;
    struct buf b = {0};
    for (int i = 0; i < 1000000; i++)
        resp_array(&b, 1);
    size_t size;
    assert_int_equal(resp_skip(buf_bytes(&b), &size), RESP_SKIP_MORE);
    resp_int64(&b, 1);
    assert_int_equal(resp_skip(buf_bytes(&b), &size), RESP_SKIP_DONE);
    assert_int_equal(size, b.size);
    buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_that_both_protocols_write_alike),
        cmocka_unit_test(an_error_is_one_line),
        cmocka_unit_test(values_that_differ_between_the_protocols),
        cmocka_unit_test(doubles_are_written_as_redis_writes_them),
        cmocka_unit_test(a_deferred_count_gives_what_a_known_one_gives),
        cmocka_unit_test(a_deferred_count_finds_room_in_any_buffer),
        cmocka_unit_test(skip_measures_whole_replies),
        cmocka_unit_test(skip_refuses_what_is_no_reply),
        cmocka_unit_test(depth_of_nesting_costs_no_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
