/* test_resp_read.c -- requests as redis-server 7.0.15 reads them: the outcomes of the tables were
 * taken from it, byte for byte, over a socket. Each case is read whole and cut in many ways. */

#include "test.h"

#include <stdlib.h>

#include "base/panic.h"
#include "base/prng.h"
#include "resp/resp_read.h"

/* What the reader makes of input, as text: "[GET][k]" for a request, "()" for an empty one, "!..."
 * for an error, "~" when it waits at the end. With cuts, each read brings some more bytes; all move
 * to other memory before each call. */
static void read_all(struct bytes input, const struct resp_limits *limits, struct prng *cuts,
                     struct buf *seen)
{
    struct resp_reader r = {0};
    size_t here = cuts == NULL ? input.size : 0;
    for (size_t consumed = 0;;) {
        uint8_t *moved = xmalloc(here - consumed);
        memcpy(moved, bytes_data(input) + consumed, here - consumed);
        struct resp_request request;
        const enum resp_result result =
            resp_read_next(&r, bytes_of(moved, here - consumed), limits, &request);
        if (result == RESP_REQUEST) {
            for (size_t i = 0; i < request.arg_count; i++) {
                buf_append_u8(seen, '[');
                buf_append_bytes(seen, request.args[i]);
                buf_append_u8(seen, ']');
            }
            if (request.arg_count == 0)
                buf_append_string(seen, "()");
            consumed += request.consumed;
        }
        if (result == RESP_PROTOCOL_ERROR) {
            buf_append_u8(seen, '!');
            buf_append_bytes(seen, request.error);
        }
        free(moved);
        assert_true(consumed <= here);
        if (result == RESP_PROTOCOL_ERROR || (result == RESP_NEED_MORE && here == input.size))
            break;
        if (result == RESP_NEED_MORE) {
            assert_true(request.missing > 0);
            here += 1 + (size_t)prng_below(cuts, MIN(input.size - here, 7));
        }
    }
    if (seen->size == 0 || r.position > 0 || r.scanned > 0)
        buf_append_u8(seen, '~');
    resp_reader_clear(&r);
}

static void assert_read(struct bytes input, const struct resp_limits *limits, struct bytes want)
{
    struct prng cuts;
    prng_seed(&cuts, 11);
    for (int round = 0; round < 12; round++) {
        struct buf seen = {0};
        read_all(input, limits, round == 0 ? NULL : &cuts, &seen);
        if (want.size > 0 && bytes_data(want)[0] == '!' && seen.size > 0)
            buf_truncate(&seen, seen.size - (buf_data(&seen)[seen.size - 1] == '~'));
        if (!bytes_equal(buf_bytes(&seen), want))
            fail_msg("round %d of \"%.*s\": \"%.*s\" instead of \"%.*s\"", round, (int)input.size,
                     (const char *)input.data, (int)seen.size, (const char *)buf_data(&seen),
                     (int)want.size, (const char *)want.data);
        buf_clear(&seen);
    }
}

struct read_case {
    struct bytes input, want;
};

#define CASE(input, want) {BYTES(input), BYTES(want)}
#define INVALID_COUNT "!ERR Protocol error: invalid multibulk length"
#define INVALID_SIZE "!ERR Protocol error: invalid bulk length"
#define UNBALANCED "!ERR Protocol error: unbalanced quotes in request"

static void assert_cases(const struct read_case *cases, size_t count,
                         const struct resp_limits *limits)
{
    for (size_t i = 0; i < count; i++)
        assert_read(cases[i].input, limits, cases[i].want);
}

static void multibulk_requests_are_read_as_redis_reads_them(void **state)
{
    (void)state;
    static const struct read_case cases[] = {
        CASE("*1\r\n$4\r\nPING\r\n", "[PING]"),
        CASE("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPING\r\n", "[GET][k][PING]"),
        CASE("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$5\r\na\r\n\0b\r\n", "[SET][][a\r\n\0b]"),
        CASE("*2147483647\r\n", "~"),
        CASE("*1048577\r\n", "~"),
        CASE("*2147483648\r\n", INVALID_COUNT),
        CASE("*-1\r\nPING\r\n", "()[PING]"),
        CASE("*-9\r\nPING\r\n", "()[PING]"),
        CASE("*0\r\nPING\r\n", "()[PING]"),
        CASE("*\r\nPING\r\n", INVALID_COUNT),
        CASE("*abc\r\n", INVALID_COUNT),
        CASE("*01\r\n", INVALID_COUNT),
        CASE("* 1\r\n", INVALID_COUNT),
        CASE("*99999999999999999999\r\n", INVALID_COUNT),
        CASE("*abc\r", "~"),
        CASE("*1\rX$4\rYPINGzz", "[PING]"),
        CASE("*1\r\n+PING\r\n", "!ERR Protocol error: expected '$', got '+'"),
        CASE("*1\r\n\r\n", "!ERR Protocol error: expected '$', got '\r'"),
        CASE("*1\r\n\n\r\n", "!ERR Protocol error: expected '$', got '\n'"),
        CASE("*1\r\n\xff\r\n", "!ERR Protocol error: expected '$', got '\xff'"),
        CASE("*1\r\n*\n\r\n", "!ERR Protocol error: expected '$', got '*'"),
        CASE("*1\r\nPING", "~"),
        CASE("*1\r\n$\r\n", INVALID_SIZE),
        CASE("*1\r\n$-1\r\n", INVALID_SIZE),
        CASE("*1\r\n$01\r\n", INVALID_SIZE),
        CASE("*1\r\n$4x\r\n", INVALID_SIZE),
        CASE("*1\r\n$536870913\r\n", INVALID_SIZE),
        CASE("*1\r\n$536870912\r\n", "~"),
        CASE("*\0\r\nPING\r\n", "~"),
        CASE("*1\r\n\0\r\n", "~"),
    };
    assert_cases(cases, ARRAY_COUNT(cases), &RESP_LIMITS_DEFAULT);
}

static void inline_requests_are_read_as_redis_reads_them(void **state)
{
    (void)state;
    static const struct read_case cases[] = {
        CASE("PING\r\n", "[PING]"),
        CASE("PING\n", "[PING]"),
        CASE("PING", "~"),
        CASE("\r\n\nPING\r\n", "()()[PING]"),
        CASE("   \t PING  \r\n", "[PING]"),
        CASE("PING\r\r\n", "[PING]"),
        CASE("PING \r \r\n", "[PING]"),
        CASE("GET a\r\nGET b\r\n*1\r\n$1\r\nc\r\n", "[GET][a][GET][b][c]"),
        CASE("E \"a\\x41\\n\\r\\t\\b\\a\\q\\\"b\"\r\n", "[E][aA\n\r\t\b\aq\"b]"),
        CASE("E 'a\\'b\\n\"'\r\n", "[E][a'b\\n\"]"),
        CASE("E \"\"\r\n", "[E][]"),
        CASE("\"\" ''\r\n", "[][]"),
        CASE("E a\"b c\"\r\n", "[E][ab c]"),
        CASE("E \"\\x4g\"\r\n", "[E][x4g]"),
        CASE("E \"\\x4\"\r\n", "[E][x4]"),
        CASE("E \"\\xfF\"\r\n", "[E][\xff]"),
        CASE("E \\x41\r\n", "[E][\\x41]"),
        CASE("E a\vb\r\n", "[E][a\vb]"),
        CASE("\vE\ta\r\n", "[E][a]"),
        CASE("E \"a\"\vb\r\n", "[E][a][b]"),
        CASE("E \"a\"b\r\n", UNBALANCED),
        CASE("E 'a'b\r\n", UNBALANCED),
        CASE("E a\"b\"c\r\n", UNBALANCED),
        CASE("E \"a\r\n", UNBALANCED),
        CASE("E 'a\r\n", UNBALANCED),
        CASE("E \"a\\\"\r\n", UNBALANCED),
        CASE("E \"a\\\r\n", UNBALANCED),
        CASE("E 'a\\\\'\r\n", UNBALANCED), /* the second backslash is the quote's */
        CASE("+PING\r\n", "[+PING]"),
        CASE("$4\r\nPING\r\n", "[$4][PING]"),
        CASE("PING\0\r\nPING\r\n", "~"),
    };
    assert_cases(cases, ARRAY_COUNT(cases), &RESP_LIMITS_DEFAULT);
}

static void who_has_not_said_a_password_may_send_little(void **state)
{
    (void)state;
    struct resp_limits limits = RESP_LIMITS_DEFAULT;
    limits.authenticated = false;
    static const struct read_case cases[] = {
        CASE("*10\r\n", "~"),
        CASE("*11\r\n", "!ERR Protocol error: unauthenticated multibulk length"),
        CASE("*1\r\n$16384\r\n", "~"),
        CASE("*1\r\n$16385\r\n", "!ERR Protocol error: unauthenticated bulk length"),
        CASE("*2147483648\r\n", INVALID_COUNT),
        CASE("*1\r\n$536870913\r\n", INVALID_SIZE),
        CASE("A 1 2 3 4 5 6 7 8 9 10 11\r\n", "[A][1][2][3][4][5][6][7][8][9][10][11]"),
    };
    assert_cases(cases, ARRAY_COUNT(cases), &limits);
}

static void smaller_limits_hold(void **state)
{
    (void)state;
    const struct resp_limits limits = {
        .bulk_max = 5, .args_max = 2, .inline_max = 12, .authenticated = true};
    static const struct read_case cases[] = {
        CASE("*2\r\n$1\r\na\r\n$5\r\n12345\r\n", "[a][12345]"),
        CASE("*3\r\n", INVALID_COUNT),
        CASE("*1\r\n$6\r\n", INVALID_SIZE),
    };
    assert_cases(cases, ARRAY_COUNT(cases), &limits);
}

/* A line of inline_max bytes may still end; one more, and it is too big. */
static void lines_without_an_end_are_refused_beyond_64_kib(void **state)
{
    (void)state;
    static const struct {
        struct bytes start;
        struct bytes error;
    } cases[] = {
        {BYTES(""), BYTES("ERR Protocol error: too big inline request")},
        {BYTES("PING\0\r\n"), BYTES("ERR Protocol error: too big inline request")},
        {BYTES("*"), BYTES("ERR Protocol error: too big mbulk count string")},
        {BYTES("*1\r\n$"), BYTES("ERR Protocol error: too big bulk count string")},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const size_t before = i == 3 ? 4 : 0;
        struct buf b = {0};
        buf_append_bytes(&b, cases[i].start);
        while (b.size < before + RESP_INLINE_MAX)
            buf_append_u8(&b, '1');
        struct resp_reader r = {0};
        struct resp_request request;
        assert_int_equal(resp_read_next(&r, buf_bytes(&b), &RESP_LIMITS_DEFAULT, &request),
                         RESP_NEED_MORE);
        buf_append_u8(&b, '1');
        assert_int_equal(resp_read_next(&r, buf_bytes(&b), &RESP_LIMITS_DEFAULT, &request),
                         RESP_PROTOCOL_ERROR);
        assert_true(bytes_equal(request.error, cases[i].error));
        resp_reader_clear(&r);
        buf_clear(&b);
    }
}

static void missing_says_what_a_bulk_still_needs(void **state)
{
    (void)state;
    static const struct {
        struct bytes input;
        size_t missing;
    } steps[] = {
        {BYTES_NONE, 1},
        {BYTES("*2\r\n$3\r"), 1},
        {BYTES("*2\r\n$3\r\n"), 5},
        {BYTES("*2\r\n$3\r\nGE"), 3},
        {BYTES("*2\r\n$3\r\nGET\r"), 1},
        {BYTES("*2\r\n$3\r\nGET\r\n$1000000\r\n1234"), 999998},
    };
    struct resp_reader r;
    resp_reader_init(&r);
    struct resp_request request;
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        assert_int_equal(resp_read_next(&r, steps[i].input, &RESP_LIMITS_DEFAULT, &request),
                         RESP_NEED_MORE);
        assert_int_equal(request.missing, steps[i].missing);
    }
    resp_reader_clear(&r);
}

static void a_promise_of_much_costs_no_memory(void **state)
{
    (void)state;
    struct resp_reader r = {0};
    struct resp_request request;
    assert_int_equal(resp_read_next(&r, BYTES("*2147483647\r\n$1\r\na\r\n$536870912\r\n"),
                                    &RESP_LIMITS_DEFAULT, &request), RESP_NEED_MORE);
    assert_in_range(r.arg_capacity, 1, 64);
    resp_reader_clear(&r);
}

/* Byte by byte: work that grew with the square would take minutes. And the memory goes back. */
static void many_arguments_cost_their_bytes_once(void **state)
{
    (void)state;
    enum { ARGS = 100000 };
    struct buf b = {0};
    buf_printf(&b, "*%d\r\n", ARGS);
    for (int i = 0; i < ARGS; i++)
        buf_printf(&b, "$1\r\n%d\r\n", i % 10);
    struct resp_reader r = {0};
    struct resp_request request;
    for (size_t size = 0; size < b.size; size++)
        assert_int_equal(resp_read_next(&r, bytes_of(buf_data(&b), size), &RESP_LIMITS_DEFAULT,
                                        &request), RESP_NEED_MORE);
    assert_int_equal(resp_read_next(&r, buf_bytes(&b), &RESP_LIMITS_DEFAULT, &request),
                     RESP_REQUEST);
    assert_int_equal(request.arg_count, ARGS);
    assert_int_equal(request.consumed, b.size);
    for (size_t i = 0; i < ARGS; i++)
        assert_int_equal(*bytes_data(request.args[i]), '0' + i % 10);
    assert_int_equal(resp_read_next(&r, BYTES("PING\n"), &RESP_LIMITS_DEFAULT, &request),
                     RESP_REQUEST);
    assert_in_range(r.arg_capacity, 1, 64);
    resp_reader_clear(&r);
    buf_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multibulk_requests_are_read_as_redis_reads_them),
        cmocka_unit_test(inline_requests_are_read_as_redis_reads_them),
        cmocka_unit_test(who_has_not_said_a_password_may_send_little),
        cmocka_unit_test(smaller_limits_hold),
        cmocka_unit_test(lines_without_an_end_are_refused_beyond_64_kib),
        cmocka_unit_test(missing_says_what_a_bulk_still_needs),
        cmocka_unit_test(a_promise_of_much_costs_no_memory),
        cmocka_unit_test(many_arguments_cost_their_bytes_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
