/* fuzz_resp.c -- what holds for any bytes that a client may send:
 *   - however they are cut, the same requests and the same error come out;
 *   - arguments lie within the input or the reader's memory (ASan looks), and a request takes
 *     at least one byte and no more than there are;
 *   - a request written again as a multibulk reads as the same arguments;
 *   - resp_skip() ends within its bytes, and wants more of every beginning of a whole reply. */

#include "fuzz.h"

#include <stdlib.h>

#include "base/panic.h"
#include "base/prng.h"
#include "base/siphash.h"
#include "resp/resp_read.h"
#include "resp/resp_skip.h"
#include "resp/resp_write.h"

const char fuzz_corpus[] = "resp";
const uint64_t fuzz_rounds = 100000;
const char *const fuzz_words[] = {
    "\r\n", "\n", "\r", "*", "$", "*1\r\n", "*2\r\n$", "$0\r\n\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n",
    "\"", "'", "\\", "\\x4", "\\x41", " ", "-", "0", "00", "1", "9", "65536", "2147483647",
    "2147483648", "536870912", "536870913", "9223372036854775807", "9223372036854775808", "%1\r\n",
    "|1\r\n", "~2\r\n", ">1\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "(12\r\n", "=5\r\ntxt:a\r\n",
    "!3\r\nERR\r\n", "+OK\r\n", NULL,
};

static const struct resp_limits limits = {
    .bulk_max = 1 << 20, .args_max = 1 << 20, .inline_max = 1 << 10, .authenticated = true};

/* Arguments as a multibulk; they must be readable as themselves. */
static void check_written(const struct resp_request *request, struct buf *seen)
{
    const size_t at = seen->size;
    resp_array(seen, request->arg_count);
    for (size_t i = 0; i < request->arg_count; i++)
        resp_bulk(seen, request->args[i]);
    if (request->arg_count == 0)
        return;

    struct resp_reader r = {0};
    struct resp_request again;
    const struct bytes written = bytes_of(buf_data(seen) + at, seen->size - at);
    const enum resp_result result = resp_read_next(&r, written, &RESP_LIMITS_DEFAULT, &again);
    CHECK(result == RESP_REQUEST);
    CHECK(again.consumed == written.size);
    CHECK(again.arg_count == request->arg_count);
    for (size_t i = 0; i < again.arg_count; i++)
        CHECK(bytes_equal(again.args[i], request->args[i]));
    resp_reader_clear(&r);
}

/* Reads all, in pieces when cuts is given, and appends what comes out to seen. Returns where in it
 * the protocol error is, its end if there was none. */
static size_t read_all(struct bytes input, struct prng *cuts, struct buf *seen)
{
    struct resp_reader r = {0};
    size_t here = cuts == NULL ? input.size : 0;
    size_t error_at = 0;
    for (size_t consumed = 0;;) {
        uint8_t *moved = xmalloc(here - consumed);
        if (here > consumed)
            memcpy(moved, bytes_data(input) + consumed, here - consumed);
        struct resp_request request;
        const enum resp_result result =
            resp_read_next(&r, bytes_of(moved, here - consumed), &limits, &request);
        if (result == RESP_REQUEST) {
            CHECK(request.consumed > 0);
            CHECK(request.consumed <= here - consumed);
            consumed += request.consumed;
            check_written(&request, seen);
        }
        error_at = seen->size;
        if (result == RESP_PROTOCOL_ERROR)
            resp_error(seen, request.error);
        free(moved);
        if (result == RESP_PROTOCOL_ERROR || (result == RESP_NEED_MORE && here == input.size))
            break;
        if (result == RESP_NEED_MORE) {
            CHECK(request.missing > 0);
            here += 1 + (size_t)prng_below(cuts, MIN(input.size - here, 40));
        }
    }
    resp_reader_clear(&r);
    return error_at;
}

/* Only an unfinished line can be too long: cuts may show such an error where the whole does not.
 * Then what came before it must be the same. */
static bool agree(struct bytes whole, struct bytes pieces, size_t error_at)
{
    if (bytes_has_prefix(bytes_from(pieces, error_at), BYTES("-ERR Protocol error: too big ")))
        return bytes_has_prefix(whole, bytes_of(pieces.data, error_at));
    return bytes_equal(whole, pieces);
}

static void check_skip(struct bytes input, struct prng *cuts)
{
    size_t size;
    if (resp_skip(input, &size) != RESP_SKIP_DONE)
        return;
    CHECK(size > 0);
    CHECK(size <= input.size);
    size_t again;
    const struct bytes part = bytes_of(input.data, (size_t)prng_below(cuts, size));
    CHECK(resp_skip(part, &again) == RESP_SKIP_MORE);
    CHECK(resp_skip(bytes_of(input.data, size), &again) == RESP_SKIP_DONE);
    CHECK(again == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[SIPHASH_KEY_SIZE] = {0};
    const struct bytes input = bytes_of(data, size);
    struct prng cuts;
    prng_seed(&cuts, siphash(key, input)); /* the same input is always cut alike */

    struct buf whole = {0};
    struct buf pieces = {0};
    read_all(input, NULL, &whole);
    const size_t error_at = read_all(input, &cuts, &pieces);
    CHECK(agree(buf_bytes(&whole), buf_bytes(&pieces), error_at));
    buf_clear(&whole);
    buf_clear(&pieces);
    check_skip(input, &cuts);
    return 0;
}
