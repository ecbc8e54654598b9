/* lcs.c -- LCS: the longest common subsequence of two strings, by the table of all prefixes.
 *
 * The table takes 4 bytes per pair of positions; above proto-max-bulk-len the command is refused,
 * as by Redis: so much memory, and time, is what one request may cost. */

#include <stdlib.h>

#include "base/panic.h"
#include "command/settings.h"
#include "command/string.h"
#include "command/table.h"

struct lcs {
    struct bytes a, b;
    uint32_t *table; /* row i, column j: length for the first i bytes of a and j of b */
    bool indexes, length, match_lengths;
    int64_t match_min;
};

/* A match: a run that is equal in both. */
struct match {
    uint32_t a_first, a_last, b_first, b_last;
};

static uint32_t *cell(const struct lcs *l, size_t i, size_t j)
{
    return &l->table[i * (l->b.size + 1) + j];
}

static bool parse_options(struct exec *x, struct lcs *l)
{
    for (uint32_t i = 3; i < x->arg_count; i++) {
        if (arg_is(x, i, "idx")) {
            l->indexes = true;
        } else if (arg_is(x, i, "len")) {
            l->length = true;
        } else if (arg_is(x, i, "withmatchlen")) {
            l->match_lengths = true;
        } else if (arg_is(x, i, "minmatchlen") && i + 1 < x->arg_count) {
            if (!arg_int64(x, ++i, &l->match_min))
                return false;
            l->match_min = MAX(l->match_min, 0);
        } else {
            reply_syntax_error(x);
            return false;
        }
    }
    if (l->indexes && l->length) {
        reply_error(x, "ERR If you want both the length and indexes, please just use IDX.");
        return false;
    }
    return true;
}

static bool table_fits(struct exec *x, const struct lcs *l)
{
    if (l->a.size >= UINT32_MAX - 1 || l->b.size >= UINT32_MAX - 1) {
        reply_error(x, "ERR String too long for LCS");
        return false;
    }
    size_t bytes;
    if (__builtin_mul_overflow((l->a.size + 1) * (l->b.size + 1), sizeof(uint32_t), &bytes) ||
        bytes > x->settings->proto_max_bulk_len) {
        reply_error(x, "ERR Insufficient memory, transient memory for LCS exceeds "
                       "proto-max-bulk-len");
        return false;
    }
    keyspace_touch(x->keyspace, bytes / TOUCHED_BYTES);
    return true;
}

static void fill_table(struct lcs *l)
{
    const uint8_t *a = bytes_data(l->a), *b = bytes_data(l->b);
    for (size_t i = 0; i <= l->a.size; i++)
        for (size_t j = 0; j <= l->b.size; j++) {
            if (i == 0 || j == 0)
                *cell(l, i, j) = 0;
            else if (a[i - 1] == b[j - 1])
                *cell(l, i, j) = *cell(l, i - 1, j - 1) + 1;
            else
                *cell(l, i, j) = MAX(*cell(l, i - 1, j), *cell(l, i, j - 1));
        }
}

static void reply_match(struct exec *x, const struct lcs *l, const struct match *m, size_t *count)
{
    const uint32_t size = m->a_last - m->a_first + 1;
    if (size < l->match_min)
        return;
    reply_array(x, l->match_lengths ? 3 : 2);
    reply_array(x, 2);
    reply_int64(x, m->a_first);
    reply_int64(x, m->a_last);
    reply_array(x, 2);
    reply_int64(x, m->b_first);
    reply_int64(x, m->b_last);
    if (l->match_lengths)
        reply_int64(x, size);
    ++*count;
}

/* Walks the table back from its end; *common (if not NULL) is filled from its end, and each run of
 * matches is replied when it is complete. Returns how many were. */
static size_t walk_back(struct exec *x, const struct lcs *l, char *common)
{
    const uint8_t *a = bytes_data(l->a), *b = bytes_data(l->b);
    size_t i = l->a.size, j = l->b.size, left = *cell(l, i, j), count = 0;
    struct match m = {0};
    bool open = false;
    while (i > 0 && j > 0) {
        if (a[i - 1] != b[j - 1]) {
            if (*cell(l, i - 1, j) > *cell(l, i, j - 1))
                i--;
            else
                j--;
            if (open && common == NULL)
                reply_match(x, l, &m, &count);
            open = false;
            continue;
        }
        i--;
        j--;
        if (common != NULL)
            common[--left] = (char)a[i];
        if (!open)
            m = (struct match){.a_last = (uint32_t)i, .b_last = (uint32_t)j};
        open = true;
        m.a_first = (uint32_t)i;
        m.b_first = (uint32_t)j;
    }
    if (open && common == NULL)
        reply_match(x, l, &m, &count);
    return count;
}

static void reply_lcs(struct exec *x, struct lcs *l)
{
    l->table = xmalloc((l->a.size + 1) * (l->b.size + 1) * sizeof(*l->table));
    fill_table(l);
    const uint32_t length = *cell(l, l->a.size, l->b.size);
    if (l->indexes) {
        reply_map(x, 2);
        reply_bulk_string(x, "matches");
        const size_t begun = reply_array_begin(x);
        reply_array_end(x, begun, walk_back(x, l, NULL));
        reply_bulk_string(x, "len");
        reply_int64(x, length);
    } else if (l->length) {
        reply_int64(x, length);
    } else {
        char *common = xmalloc(length);
        walk_back(x, l, common);
        reply_bulk(x, bytes_of(common, length));
        free(common);
    }
    free(l->table);
}

/* LCS key1 key2 [LEN] [IDX] [MINMATCHLEN n] [WITHMATCHLEN] */
static void lcs(struct exec *x)
{
    struct object a, b;
    object_open(x->keyspace, x->db, x->args[1], &a);
    object_open(x->keyspace, x->db, x->args[2], &b);
    if ((a.type != TYPE_NONE && a.type != TYPE_STRING) ||
        (b.type != TYPE_NONE && b.type != TYPE_STRING)) {
        reply_error(x, "ERR The specified keys must contain string values");
    } else {
        struct lcs l = {0};
        l.a = a.type == TYPE_NONE ? BYTES_NONE : object_string(&a);
        l.b = b.type == TYPE_NONE ? BYTES_NONE : object_string(&b);
        if (parse_options(x, &l) && table_fits(x, &l))
            reply_lcs(x, &l);
    }
    object_close(&a);
    object_close(&b);
}

const struct command lcs_commands[] = {
    {.name = "lcs", .run = lcs, .arity = -3, .flags = CMD_READ,
     .keys = {KEY_RANGE(1, 1, 1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_STRING, .group = "string", .since = "7.0.0", .complexity = "O(N*M)",
     .summary = "The longest common subsequence of two strings."},
    {.name = NULL},
};
