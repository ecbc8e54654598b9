/* hll.c -- HyperLogLogs: strings whose bytes hll_image.h tells. PFCOUNT of one key does not keep
 * what it counted, unlike Redis's: it is a read here and changes nothing. */

#include "base/panic.h"
#include "command/args.h"
#include "command/hll_image.h"
#include "command/settings.h"
#include "command/table.h"

static void reply_corrupt(struct exec *x)
{
    reply_error(x, "INVALIDOBJ Corrupted HLL object detected");
}

/* Opens key args[n]; value is what it holds, empty when it is absent. False: it is no HyperLogLog;
 * it has replied, and closed it. */
static bool open_hll(struct exec *x, uint32_t n, struct object *o, struct bytes *value)
{
    *value = BYTES_NONE;
    if (!open_key(x, n, TYPE_STRING, o))
        return false;
    if (o->type == TYPE_NONE)
        return true;
    const bool too_long = object_string_size(o) > HLL_IMAGE_MAX;
    *value = too_long ? object_string_range(o, 0, HLL_HEADER_SIZE) : object_string(o);
    if (!hll_is_valid(*value))
        reply_error(x, "WRONGTYPE Key is not a valid HyperLogLog string value.");
    else if (too_long)
        reply_corrupt(x);
    else
        return true;
    object_close(o);
    return false;
}

/* Puts what changed of h into o; of a dense one only the bytes that did. */
static void put_hll(struct object *o, const struct hll *h)
{
    const uint8_t *image = buf_data(&h->image);
    if (h->rewritten) {
        object_set_string(o, buf_bytes(&h->image));
        o->encoding = ENCODING_RAW;
        return;
    }
    const size_t last = HLL_HEADER_SIZE - 1;
    if (h->became_stale)
        object_write_string(o, last, bytes_of(image + last, 1));
    if (h->first <= h->last)
        object_write_string(o, h->first, bytes_of(image + h->first, h->last - h->first + 1));
}

static void init_hll(struct exec *x, struct hll *h, struct bytes value)
{
    if (value.size == 0)
        hll_init_empty(h, x->settings->hll_sparse_max_bytes);
    else
        hll_init(h, value, x->settings->hll_sparse_max_bytes);
}

/* PFADD key [element ...] -> 1 if a register changed, or the key is new */
static void pfadd(struct exec *x)
{
    struct object o;
    struct bytes value;
    struct hll h;
    if (!open_hll(x, 1, &o, &value))
        return;
    bool is_changed = value.size == 0, is_corrupt = false;
    init_hll(x, &h, value);
    for (uint32_t i = 2; i < x->arg_count && !is_corrupt; i++) {
        const enum hll_result result = hll_add(&h, x->args[i]);
        is_changed = is_changed || result == HLL_CHANGED;
        is_corrupt = result == HLL_CORRUPT;
    }
    if (is_corrupt) {
        reply_corrupt(x);
    } else {
        if (is_changed) {
            hll_make_stale(&h);
            put_hll(&o, &h);
            changed(x, &o, EVENT_STRING, "pfadd");
        }
        reply_int64(x, is_changed);
    }
    hll_clear(&h);
    object_close(&o);
}

/* Merges the keys from args[1] on. False: it has replied. */
static bool merge_keys(struct exec *x, uint8_t registers[static HLL_REGISTERS], bool *any_dense)
{
    *any_dense = false;
    for (uint32_t i = 1; i < x->arg_count; i++) {
        struct object o;
        struct bytes value;
        if (!open_hll(x, i, &o, &value))
            return false;
        const bool is_there = value.size > 0;
        const bool is_whole = !is_there || hll_merge(value, registers);
        *any_dense = *any_dense || (is_there && hll_encoding_of(value) == HLL_DENSE);
        object_close(&o);
        if (!is_whole) {
            reply_corrupt(x);
            return false;
        }
    }
    return true;
}

/* Whether one key's kept count is the answer; else it is counted. */
static bool reply_kept_count(struct exec *x, bool *replied)
{
    struct object o;
    struct bytes value;
    uint64_t count = 0;
    if (!open_hll(x, 1, &o, &value))
        return false;
    *replied = value.size > 0 && hll_kept_count(value, &count);
    if (*replied)
        reply_int64(x, (int64_t)count);
    object_close(&o);
    return true;
}

/* PFCOUNT key ... -> about how many different elements all of them were given */
static void pfcount(struct exec *x)
{
    bool replied = false, any_dense;
    if (x->arg_count == 2 && (!reply_kept_count(x, &replied) || replied))
        return;
    uint8_t registers[HLL_REGISTERS] = {0};
    if (merge_keys(x, registers, &any_dense))
        reply_int64(x, hll_estimate(registers));
}

/* PFMERGE destination [source ...] */
static void pfmerge(struct exec *x)
{
    uint8_t registers[HLL_REGISTERS] = {0};
    struct object o;
    struct bytes value;
    struct hll h;
    bool any_dense;
    if (!merge_keys(x, registers, &any_dense))
        return;
    const bool is_hll = open_hll(x, 1, &o, &value);
    CHECK(is_hll); /* it was merged */
    init_hll(x, &h, value);
    bool is_whole = !any_dense || hll_make_dense(&h);
    for (uint32_t i = 0; i < HLL_REGISTERS && is_whole; i++)
        if (registers[i] > 0)
            is_whole = hll_raise(&h, i, registers[i]) != HLL_CORRUPT;
    CHECK(is_whole); /* hll_merge() has seen all of it */
    hll_make_stale(&h);
    put_hll(&o, &h);
    changed(x, &o, EVENT_STRING, "pfadd"); /* as Redis calls it */
    hll_clear(&h);
    object_close(&o);
    reply_ok(x);
}

/* --- looking inside --------------------------------------------------------------------------- */

/* "Z:16000 v:2,1 z:5": runs of zeros in two bytes, of values, of zeros in one byte */
static void reply_runs(struct exec *x, struct bytes value)
{
    struct buf text = {0};
    struct hll_run run;
    size_t offset = 0;
    bool corrupt;
    if (hll_encoding_of(value) != HLL_SPARSE) {
        reply_error(x, "ERR HLL encoding is not sparse");
        return;
    }
    while (hll_next_run(value, &offset, &run, &corrupt)) {
        if (run.value > 0)
            buf_printf(&text, " v:%u,%u", (unsigned)run.value, run.count);
        else
            buf_printf(&text, " %c:%u", run.size == 2 ? 'Z' : 'z', run.count);
    }
    reply_bulk(x, bytes_from(buf_bytes(&text), 1));
    buf_clear(&text);
}

/* Makes it dense, then gives the registers, or whether that was to be done. */
static void reply_dense(struct exec *x, struct object *o, struct bytes value, bool registers_too)
{
    uint8_t registers[HLL_REGISTERS] = {0};
    if (!hll_merge(value, registers)) {
        reply_corrupt(x);
        return;
    }
    const bool was_sparse = hll_encoding_of(value) == HLL_SPARSE;
    struct hll h;
    init_hll(x, &h, value);
    if (was_sparse) {
        hll_make_dense(&h);
        put_hll(o, &h);
        object_save(o);
    }
    hll_clear(&h);
    if (!registers_too) {
        reply_int64(x, was_sparse);
        return;
    }
    reply_array(x, HLL_REGISTERS);
    for (uint32_t i = 0; i < HLL_REGISTERS; i++)
        reply_int64(x, registers[i]);
}

/* PFDEBUG GETREG | DECODE | ENCODING | TODENSE key */
static void pfdebug(struct exec *x)
{
    struct object o;
    struct bytes value;
    if (!open_hll(x, 2, &o, &value))
        return;
    if (value.size == 0)
        reply_error(x, "ERR The specified key does not exist");
    else if (arg_is(x, 1, "getreg"))
        reply_dense(x, &o, value, true);
    else if (arg_is(x, 1, "decode"))
        reply_runs(x, value);
    else if (arg_is(x, 1, "encoding"))
        reply_simple(x, hll_encoding_of(value) == HLL_DENSE ? "dense" : "sparse");
    else if (arg_is(x, 1, "todense"))
        reply_dense(x, &o, value, false);
    else
        reply_errorf(x, "ERR Unknown PFDEBUG subcommand '%.*s'", (int)MIN(x->args[1].size, 128),
                     x->args[1].size == 0 ? "" : (const char *)x->args[1].data);
    object_close(&o);
}

#define SELF_TEST_ELEMENTS 100000

/* Whether estimates of 1, 10 ... elements are as near as six standard errors of 1.04 / sqrt(m), and
 * a sparse one has the registers of a dense one. */
static bool self_test(struct hll *sparse, struct hll *dense)
{
    uint64_t checkpoint = 1;
    hll_make_dense(dense);
    for (uint64_t i = 1; i <= SELF_TEST_ELEMENTS; i++) {
        const struct bytes element = bytes_of(&i, sizeof(i));
        if (hll_add(sparse, element) == HLL_CORRUPT || hll_add(dense, element) == HLL_CORRUPT)
            return false;
        if (i != checkpoint)
            continue;
        checkpoint *= 10;
        uint8_t a[HLL_REGISTERS] = {0}, b[HLL_REGISTERS] = {0};
        if (!hll_merge(buf_bytes(&sparse->image), a) || !hll_merge(buf_bytes(&dense->image), b) ||
            memcmp(a, b, sizeof(a)) != 0)
            return false;
        const double error = (double)hll_estimate(a) - (double)i;
        const double allowed = 6 * 1.04 / 128 * (double)i + (i == 10 ? 1 : 0);
        if (error > allowed || -error > allowed)
            return false;
    }
    return true;
}

/* PFSELFTEST */
static void pfselftest(struct exec *x)
{
    struct hll sparse, dense;
    hll_init_empty(&sparse, HLL_IMAGE_MAX);
    hll_init_empty(&dense, 0);
    if (self_test(&sparse, &dense))
        reply_ok(x);
    else
        reply_error(x, "ERR TESTFAILED");
    hll_clear(&sparse);
    hll_clear(&dense);
}

const struct command hll_commands[] = {
    {.name = "pfadd", .run = pfadd, .arity = -2, .flags = CMD_WRITE | CMD_DENY_OOM | CMD_FAST,
     .keys = {KEY(1, KEY_RW | KEY_INSERT)},
     .acl = ACL_HYPERLOGLOG, .group = "hyperloglog", .since = "2.8.9", .complexity = "O(1)",
     .summary = "Adds elements to a HyperLogLog."},
    {.name = "pfcount", .run = pfcount, .arity = -2,
     .flags = CMD_READ | CMD_MAY_REPLICATE,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RW | KEY_ACCESS, .note = NOTE_PFCOUNT)},
     .acl = ACL_HYPERLOGLOG, .group = "hyperloglog", .since = "2.8.9", .complexity = "O(1)",
     .summary = "How many different elements were added, nearly."},
    {.name = "pfdebug", .run = pfdebug, .arity = 3, .flags = CMD_WRITE | CMD_DENY_OOM |
         CMD_ADMIN | CMD_SYSTEM,
     .keys = {KEY(2, KEY_RW | KEY_ACCESS)},
     .acl = ACL_HYPERLOGLOG, .group = "hyperloglog", .since = "2.8.9", .complexity = "N/A",
     .summary = "Looks inside a HyperLogLog."},
    {.name = "pfmerge", .run = pfmerge, .arity = -2, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_RW | KEY_ACCESS | KEY_INSERT), KEY_RANGE(2, -1, 1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_HYPERLOGLOG, .group = "hyperloglog", .since = "2.8.9", .complexity = "O(N)",
     .summary = "Merges HyperLogLogs into one."},
    {.name = "pfselftest", .run = pfselftest, .arity = 1,
     .flags = CMD_PURE | CMD_ADMIN | CMD_SYSTEM,
     .acl = ACL_HYPERLOGLOG, .group = "hyperloglog", .since = "2.8.9",
         .complexity = "N/A",
     .summary = "Tests the HyperLogLog code."},
    {.name = NULL},
};
