/* parts.c -- requests larger than an entry: staged piece by piece as rows, run with the last one.
 *
 *   entry   batch 7: PART 0     batch 8: PART 1     batch 9: PART 2, last
 *   rows    P origin 0          P origin 0, 1       none; the whole request has run
 *
 * The pieces of one request are consecutive batches of its origin. A batch that does not continue
 * what is staged drops it: its rest will never come. Row: 'P' origin:8 piece:4 (big-endian) -> the
 * piece; their count stands in the origin's row, hence one request per origin at a time. */

#include "machine/machine_internal.h"

#include "base/encode.h"
#include "base/panic.h"
#include "keyspace/cache.h"
#include "machine/verify_rows.h"

#define ROW_KEY_SIZE 13

static struct bytes row_key(uint64_t node, uint32_t piece, uint8_t key[static ROW_KEY_SIZE])
{
    key[0] = 'P';
    put_be64(key + 1, node);
    put_be32(key + 9, piece);
    return bytes_of(key, ROW_KEY_SIZE);
}

static uint32_t part_number(const struct request *r)
{
    CHECK(r->arg_count == 2);
    CHECK(r->args[0].size == 4);
    return get_le32(r->args[0].data);
}

bool parts_continue(const struct origin *origin, const struct entry_head *head,
                    const struct request *r)
{
    if (r->kind != REQ_PART || part_number(r) != origin->staged)
        return false;
    return origin->staged == 0 ||
           (head->boot == origin->boot && head->batch == origin->batch + 1);
}

void parts_drop(struct keyspace *k, uint64_t node, struct origin *origin)
{
    uint8_t key[ROW_KEY_SIZE];
    for (uint32_t piece = 0; piece < origin->staged; piece++)
        keyspace_row_del(k, row_key(node, piece, key));
    origin->staged = 0;
}

/* The whole request, from the rows and the last piece; the rows are gone then. */
static void assemble(struct run *run, struct bytes last, struct buf *whole)
{
    struct keyspace *k = run->machine->keyspace;
    uint8_t key[ROW_KEY_SIZE];
    buf_reserve(whole, (size_t)run->origin->staged * ENTRY_PIECE_MAX + last.size);
    for (uint32_t piece = 0; piece < run->origin->staged; piece++) {
        struct bytes row;
        if (!cache_get(keyspace_cache(k), row_key(run->head->origin, piece, key), &row))
            panic("piece %u of a large request is missing", piece);
        buf_append_bytes(whole, row);
    }
    buf_append_bytes(whole, last);
    parts_drop(k, run->head->origin, run->origin);
}

/* No other node has seen the whole before: what does not decode is refused, on all alike. */
static void run_whole(struct run *run, struct exec *x, struct bytes whole)
{
    struct request request;
    struct reader reader;
    reader_init(&reader, whole);
    if (!request_decode(&reader, &run->machine->arena, &request) || reader_left(&reader) > 0 ||
        request.kind == REQ_PART || !entry_request_is_valid(&request)) {
        reply_error(x, "ERR large request is malformed, not executed");
        return;
    }
    const struct request *part = run->request;
    run->request = &request;
    apply_kind(run, x);
    run->request = part;
}

void parts_apply(struct run *run, struct exec *x)
{
    const struct request *r = run->request;
    const uint32_t number = part_number(r);
    if (number != run->origin->staged) { /* what came before it was dropped */
        reply_error(x, "ERR large request lost a part, not executed");
        return;
    }
    if ((r->flags & REQUEST_LAST) == 0) {
        uint8_t key[ROW_KEY_SIZE];
        keyspace_row_put(run->machine->keyspace, row_key(run->head->origin, number, key),
                         r->args[1]);
        run->origin->staged++;
        return;
    }
    struct buf whole = {0};
    assemble(run, r->args[1], &whole);
    run_whole(run, x, buf_bytes(&whole));
    buf_clear(&whole);
}

/* --- of a foreign state ----------------------------------------------------------------------- */

/* Its origin has staged it; how many there are in all is compared at the end. */
bool part_row_is_sound(struct machine_seen *s, struct bytes key, struct bytes value)
{
    uint8_t origin_key[8 + sizeof(uint64_t)] = "Sorigin:";
    struct buf origin = {0};
    if (key.size != ROW_KEY_SIZE || value.size > ENTRY_PIECE_MAX)
        return false;
    memcpy(origin_key + 8, bytes_data(key) + 1, sizeof(uint64_t));
    const struct bytes row = bytes_of(origin_key, sizeof(origin_key));
    const bool is_sound =
        keyspace_verify_get(s->verify, row, &origin) && origin.size == ORIGIN_ROW_SIZE &&
        get_be32(bytes_data(key) + 9) < get_le32(buf_data(&origin) + ORIGIN_ROW_STAGED);
    buf_clear(&origin);
    s->parts.rows++;
    return is_sound;
}
