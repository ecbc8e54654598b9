/* script.c -- EVAL and EVALSHA, and the replicated table of scripts.
 *
 * Rows: "L" 's' sha:20 -> state:1 number:8          what a script is, and its place in the order
 *       "L" 't' sha:20 -> source
 *       "L" 'o' number:8 (big-endian) -> sha:20     of those that may go, oldest first
 *       "S" "scripts" -> number:8 count:8 bytes:8 known:8
 *                         the last number given; all scripts, their sources, those not retired
 *
 * A script that EVAL brought makes room when the table is full, one that SCRIPT LOAD brought stays
 * until SCRIPT FLUSH. Neither goes at once: it is retired first, unknown to EVALSHA and SCRIPT
 * EXISTS, and goes when the order comes to it again. EVAL with the sha in place of the source
 * (REQUEST_SHA), which its origin sent while the script stood, still finds it then: EVAL never
 * answers NOSCRIPT, whatever was flushed between its dispatch and its place in the log. */

#include "machine/script.h"

#include <stdlib.h>

#include "base/encode.h"
#include "base/panic.h"
#include "command/args.h"
#include "command/settings.h"
#include "keyspace/keyspace.h"
#include "machine/machine_internal.h"
#include "machine/verify_rows.h"

#define SCRIPTS_MAX 10000
#define SCRIPTS_BYTES_MAX ((uint64_t)64 << 20)
#define SCRIPT_SIZE_MAX ((size_t)8 << 20)
#define ROOM_STEPS 64       /* scripts looked at to make room for one */
#define ROW_KEY_SIZE (2 + SHA1_SIZE)
#define STATE_SIZE 9
#define HINTS 4096          /* scripts and functions known to write */

enum script_state { STATE_EVALED = 1, STATE_LOADED, STATE_RETIRED };

/* The node's own: nothing in it decides anything but speed. */
struct scripts {
    struct script_engine *engine; /* NULL until first used */
    struct script_effects *effects;
    uint64_t writers[HINTS];      /* by their hash: what has been seen to write */
};

struct scripts *scripts_new(void)
{
    struct scripts *s = xcalloc(1, sizeof(*s));
    s->effects = script_effects_new();
    return s;
}

void scripts_free(struct scripts *s)
{
    if (s == NULL)
        return;
    script_engine_free(s->engine);
    script_effects_free(s->effects);
    free(s);
}

struct script_engine *script_engine_of(struct machine *m)
{
    if (m->scripts->engine == NULL)
        m->scripts->engine = script_engine_new();
    return m->scripts->engine;
}

/* --- who writes ------------------------------------------------------------------------------- */

static uint64_t hint_hash(struct bytes name)
{
    uint8_t digest[SHA1_SIZE];
    sha1(name, digest);
    return get_le64(digest) | 1;
}

static bool is_known_to_write(const struct scripts *s, struct bytes name)
{
    const uint64_t hash = hint_hash(name);
    return s->writers[hash / 2 % HINTS] == hash;
}

static void note_writer(struct scripts *s, struct bytes name)
{
    const uint64_t hash = hint_hash(name);
    s->writers[hash / 2 % HINTS] = hash;
}

/* --- rows ------------------------------------------------------------------------------------- */

struct script_totals {
    uint64_t number, count, bytes, known;
};

struct script_row {
    enum script_state state;
    uint64_t number;
};

static struct script_totals table_load(struct keyspace *k)
{
    struct bytes row;
    if (!keyspace_system_get(k, BYTES("scripts"), &row))
        return (struct script_totals){0};
    CHECK(row.size == 32);
    const uint8_t *at = row.data;
    return (struct script_totals){
        get_le64(at), get_le64(at + 8), get_le64(at + 16), get_le64(at + 24)};
}

static void table_store(struct keyspace *k, const struct script_totals *t)
{
    uint8_t row[32];
    put_le64(row, t->number);
    put_le64(row + 8, t->count);
    put_le64(row + 16, t->bytes);
    put_le64(row + 24, t->known);
    keyspace_system_put(k, BYTES("scripts"), bytes_of(row, sizeof(row)));
}

static struct bytes row_key(char kind, const uint8_t *sha, uint8_t key[static ROW_KEY_SIZE])
{
    key[0] = 'L';
    key[1] = (uint8_t)kind;
    memcpy(key + 2, sha, SHA1_SIZE);
    return bytes_of(key, ROW_KEY_SIZE);
}

static struct bytes order_key(uint64_t number, uint8_t key[static ROW_KEY_SIZE])
{
    key[0] = 'L';
    key[1] = 'o';
    put_be64(key + 2, number);
    return bytes_of(key, 10);
}

static bool row_load(struct keyspace *k, const uint8_t *sha, struct script_row *row)
{
    uint8_t key[ROW_KEY_SIZE];
    struct bytes value;
    if (!cache_get(keyspace_cache(k), row_key('s', sha, key), &value))
        return false;
    CHECK(value.size == STATE_SIZE);
    *row = (struct script_row){(enum script_state)*bytes_data(value),
                               get_le64(bytes_data(value) + 1)};
    return true;
}

/* Borrowed until the row changes. */
static struct bytes source_load(struct keyspace *k, const uint8_t *sha)
{
    uint8_t key[ROW_KEY_SIZE];
    struct bytes source;
    const bool there = cache_get(keyspace_cache(k), row_key('t', sha, key), &source);
    CHECK(there);
    return source;
}

/* Puts the script into this state; all but loaded ones stand at the end of the order. */
static void row_store(struct keyspace *k, struct script_totals *t, const uint8_t *sha,
                      enum script_state state, const struct script_row *old)
{
    uint8_t key[ROW_KEY_SIZE], value[STATE_SIZE];
    if (old != NULL && old->state != STATE_LOADED)
        keyspace_row_del(k, order_key(old->number, key));
    if (old != NULL && old->state != STATE_RETIRED)
        t->known--;
    if (state != STATE_RETIRED)
        t->known++;
    t->number++;
    value[0] = (uint8_t)state;
    put_le64(value + 1, t->number);
    keyspace_row_put(k, row_key('s', sha, key), bytes_of(value, sizeof(value)));
    if (state != STATE_LOADED)
        keyspace_row_put(k, order_key(t->number, key), bytes_of(sha, SHA1_SIZE));
}

static void row_drop(struct keyspace *k, struct script_totals *t, const uint8_t *sha,
                     const struct script_row *row)
{
    uint8_t key[ROW_KEY_SIZE];
    t->count--;
    t->bytes -= source_load(k, sha).size;
    keyspace_row_del(k, order_key(row->number, key));
    keyspace_row_del(k, row_key('s', sha, key));
    keyspace_row_del(k, row_key('t', sha, key));
}

/* --- of a foreign state ----------------------------------------------------------------------- */

/* Shas are hashes already. */
static uint64_t numbered(const uint8_t *sha, uint64_t number)
{
    return (get_le64(sha) ^ number) * 0x9e3779b97f4a7c15u ^ get_le64(sha + 8);
}

static bool state_row(struct script_seen *s, const uint8_t *sha, struct bytes value)
{
    const uint8_t *at = value.data;
    if (value.size != STATE_SIZE || at[0] < STATE_EVALED || at[0] > STATE_RETIRED)
        return false;
    s->count++;
    s->known += at[0] != STATE_RETIRED;
    s->sources += numbered(sha, 0);
    if (at[0] != STATE_LOADED)
        s->order += numbered(sha, get_le64(at + 1));
    return true;
}

static bool source_row(struct script_seen *s, const uint8_t *sha, struct bytes value)
{
    uint8_t digest[SHA1_SIZE];
    sha1(value, digest);
    s->bytes += value.size;
    s->sources -= numbered(sha, 0);
    return memcmp(digest, sha, SHA1_SIZE) == 0;
}

bool script_row_is_sound(struct machine_seen *seen, struct bytes key, struct bytes value)
{
    struct script_seen *s = &seen->scripts;
    const uint8_t *at = key.data;
    if (key.size == ROW_KEY_SIZE && at[1] == 's')
        return state_row(s, at + 2, value);
    if (key.size == ROW_KEY_SIZE && at[1] == 't')
        return source_row(s, at + 2, value);
    if (key.size != 10 || at[1] != 'o' || value.size != SHA1_SIZE)
        return false;
    s->order -= numbered(value.data, get_be64(at + 2));
    return true;
}

bool script_rows_add_up(const struct script_seen *s)
{
    return s->order == 0 && s->sources == 0 && s->totals[1] == s->count &&
           s->totals[2] == s->bytes && s->totals[3] == s->known;
}

/* --- room ------------------------------------------------------------------------------------- */

static bool is_full(const struct script_totals *t, size_t more)
{
    return t->count >= SCRIPTS_MAX || t->bytes + more > SCRIPTS_BYTES_MAX;
}

static bool oldest(struct keyspace *k, uint8_t sha[static SHA1_SIZE])
{
    struct cache_cursor cursor;
    struct bytes key, value;
    cache_cursor_open(keyspace_cache(k), &cursor, BYTES("Lo"), BYTES("Lp"), FORWARD);
    const bool there = cache_cursor_next(&cursor, &key, &value);
    if (there)
        memcpy(sha, value.data, SHA1_SIZE);
    cache_cursor_close(&cursor);
    return there;
}

/* Retires the oldest, drops those that were retired. */
static void make_room(struct keyspace *k, struct script_totals *t, size_t more)
{
    uint8_t sha[SHA1_SIZE];
    for (int i = 0; i < ROOM_STEPS && is_full(t, more) && oldest(k, sha); i++) {
        struct script_row row;
        const bool there = row_load(k, sha, &row);
        CHECK(there);
        if (row.state == STATE_RETIRED)
            row_drop(k, t, sha, &row);
        else
            row_store(k, t, sha, STATE_RETIRED, &row);
    }
}

/* false: there is no room for what is to stay. What EVAL brings may go over the bound a little, as
 * long as there is something to retire. */
static bool table_add(struct keyspace *k, const uint8_t *sha, struct bytes source,
                      enum script_state state)
{
    struct script_totals t = table_load(k);
    struct script_row row;
    if (row_load(k, sha, &row)) {
        if (row.state == STATE_RETIRED || state == STATE_LOADED)
            row_store(k, &t, sha, state, &row);
        table_store(k, &t);
        return true;
    }
    make_room(k, &t, source.size);
    const bool has_room = !is_full(&t, source.size) ||
                          (t.count < 2 * SCRIPTS_MAX && t.bytes < 2 * SCRIPTS_BYTES_MAX &&
                           state == STATE_EVALED);
    if (has_room) {
        uint8_t key[ROW_KEY_SIZE];
        keyspace_row_put(k, row_key('t', sha, key), source);
        row_store(k, &t, sha, state, NULL);
        t.count++;
        t.bytes += source.size;
    }
    table_store(k, &t);
    return has_room;
}

/* --- the "#!" line ---------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint32_t flag;
} flag_names[] = {
    {"no-writes", SCRIPT_NO_WRITES}, {"allow-oom", SCRIPT_ALLOW_OOM},
    {"allow-stale", SCRIPT_ALLOW_STALE}, {"no-cluster", SCRIPT_NO_CLUSTER},
    {"allow-cross-slot-keys", SCRIPT_ALLOW_CROSS_SLOT},
};

uint32_t script_flag_by_name(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_COUNT(flag_names); i++)
        if (bytes_equal(name, bytes_from_string(flag_names[i].name)))
            return flag_names[i].flag;
    return 0;
}

const char *script_flag_name(size_t n)
{
    return n < ARRAY_COUNT(flag_names) ? flag_names[n].name : NULL;
}

/* Cuts what stands before the separator, or all, off *rest. */
static struct bytes take_word(struct bytes *rest, char separator)
{
    const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, separator, rest->size);
    const size_t size = end == NULL ? rest->size : (size_t)(end - bytes_data(*rest));
    const struct bytes word = bytes_of(rest->data, size);
    *rest = bytes_from(*rest, MIN(size + 1, rest->size));
    return word;
}

static bool parse_flag_list(struct bytes list, uint32_t *flags, struct buf *error)
{
    while (list.size > 0) {
        const struct bytes name = take_word(&list, ',');
        const uint32_t flag = script_flag_by_name(name);
        if (flag == 0) {
            buf_append_string(error, "ERR Unexpected flag in script shebang: ");
            buf_append_bytes(error, name);
            return false;
        }
        *flags |= flag;
    }
    return true;
}

bool script_flags_parse(struct bytes source, uint32_t *flags, struct buf *error)
{
    *flags = SCRIPT_PLAIN;
    if (!bytes_has_prefix(source, BYTES("#!")))
        return true;
    if (memchr(source.data, '\n', source.size) == NULL) {
        buf_append_string(error, "ERR Invalid script shebang");
        return false;
    }
    struct bytes line = take_word(&source, '\n');
    const struct bytes engine = take_word(&line, ' ');
    if (!bytes_equal(engine, BYTES("#!lua"))) {
        buf_append_string(error, "ERR Unexpected engine in script shebang: ");
        buf_append_bytes(error, engine);
        return false;
    }
    *flags = 0;
    while (line.size > 0) {
        const struct bytes word = take_word(&line, ' ');
        if (word.size == 0 || (word.size == 1 && *bytes_data(word) == '\r'))
            continue;
        if (!bytes_has_prefix(word, BYTES("flags="))) {
            buf_append_string(error, "ERR Unknown lua shebang option: ");
            buf_append_bytes(error, word);
            return false;
        }
        if (!parse_flag_list(bytes_from(word, 6), flags, error))
            return false;
    }
    return true;
}

/* --- running ---------------------------------------------------------------------------------- */

bool script_may_run(struct exec *x, uint32_t flags, bool read_only)
{
    if (flags & SCRIPT_PLAIN)
        return true;
    if (read_only && !(flags & SCRIPT_NO_WRITES)) {
        reply_error(x, "ERR Can not execute a script with write flag using *_ro command.");
        return false;
    }
    if (!(flags & (SCRIPT_ALLOW_OOM | SCRIPT_NO_WRITES)) &&
        keyspace_is_full(x->keyspace, x->settings->maxmemory)) {
        reply_error(x, "OOM allow-oom flag is not set on the script, can not run it when used "
                       "memory > 'maxmemory'");
        return false;
    }
    return true;
}

bool script_keys_parse(struct exec *x, struct script_run *run)
{
    int64_t count;
    if (!arg_int64(x, 2, &count))
        return false;
    if (count > (int64_t)x->arg_count - 3) {
        reply_error(x, "ERR Number of keys can't be greater than number of args");
        return false;
    }
    if (count < 0) {
        reply_error(x, "ERR Number of keys can't be negative");
        return false;
    }
    run->keys = x->args + 3;
    run->key_count = (uint32_t)count;
    run->args = run->keys + count;
    run->arg_count = x->arg_count - 3 - run->key_count;
    return true;
}

static void reply_end_of(struct exec *x, const struct script_run *run)
{
    const struct settings *s = x->settings;
    switch (run->end) {
    case SCRIPT_OVER_INSTRUCTIONS:
        reply_errorf(x, "ERR script %s was not executed: it takes more than "
                        "script-instructions-max = %llu instructions; all that it changed was "
                        "taken back", run->name, (unsigned long long)s->script_instructions_max);
        return;
    case SCRIPT_OVER_MEMORY:
        reply_errorf(x, "ERR script %s was not executed: it takes more memory than "
                        "script-memory-max = %llu bytes allow; all that it changed was taken back",
                     run->name, (unsigned long long)s->script_memory_max);
        return;
    case SCRIPT_OVER_WRITES:
        reply_errorf(x, "ERR script %s was not executed: it changes more than "
                        "script-writes-max = %llu bytes; all that it changed was taken back",
                     run->name, (unsigned long long)s->script_writes_max);
        return;
    case SCRIPT_KILLED:
        reply_error(x, "ERR Error running script: Script killed by user with SCRIPT KILL.");
        return;
    case SCRIPT_RUNS:
    case SCRIPT_WANTS_LOG: panic("script %s has not ended", run->name);
    }
}

void script_run_and_reply(struct script_run *run, struct bytes hint)
{
    struct machine *m = run->machine;
    struct exec *x = run->outer;
    const size_t begun = x->reply.out == NULL ? 0 : x->reply.out->size;
    struct buf error = {0};
    run->effects = m->scripts->effects;
    run->error = &error;
    run->db = x->db;
    run->protocol = 2;
    run->was_full = keyspace_is_full(x->keyspace, x->settings->maxmemory);
    script_engine_run(script_engine_of(m), run);
    if (run->end == SCRIPT_RUNS)
        script_effects_keep(run);
    else
        script_effects_drop(run);
    if (run->end == SCRIPT_WANTS_LOG) {
        note_writer(m->scripts, hint);
        m->wants_log = true;
        if (x->reply.out != NULL)
            buf_truncate(x->reply.out, begun);
    } else if (run->end != SCRIPT_RUNS) {
        reply_end_of(x, run);
    } else if (run->failed) {
        reply_error_bytes(x, buf_bytes(&error));
        x->reply.errors_counted += run->error_was_counted;
    }
    buf_clear(&error);
}

/* --- EVAL ------------------------------------------------------------------------------------- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool sha_parse(struct bytes hex, uint8_t sha[static SHA1_SIZE])
{
    if (hex.size != SHA1_HEX_SIZE)
        return false;
    for (size_t i = 0; i < SHA1_SIZE; i++) {
        const int high = hex_digit(bytes_data(hex)[2 * i]);
        const int low = hex_digit(bytes_data(hex)[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        sha[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static void sha_print(const uint8_t sha[static SHA1_SIZE], char hex[static SHA1_HEX_SIZE + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA1_SIZE; i++) {
        hex[2 * i] = digits[sha[i] >> 4];
        hex[2 * i + 1] = digits[sha[i] & 15];
    }
    hex[SHA1_HEX_SIZE] = '\0';
}

/* A script that nobody has seen has to be Lua before it is kept. */
static bool check_source(struct machine *m, struct exec *x, struct bytes source)
{
    struct buf error = {0};
    uint32_t flags;
    bool good = script_flags_parse(source, &flags, &error);
    if (good && !script_engine_check(script_engine_of(m), source, &error)) {
        struct buf words = error;
        error = (struct buf){0};
        buf_append_string(&error, "ERR Error compiling script (new function): ");
        buf_append_bytes(&error, buf_bytes(&words));
        buf_clear(&words);
        good = false;
    }
    if (good && source.size > SCRIPT_SIZE_MAX) {
        buf_append_string(&error, "ERR a script may have 8 MiB, not more");
        good = false;
    }
    if (!good)
        reply_error_bytes(x, buf_bytes(&error));
    buf_clear(&error);
    return good;
}

/* The source of EVAL's or EVALSHA's script, kept if it is new. false: *x has been answered. */
static bool find_source(struct machine *m, struct exec *x, bool by_sha, uint8_t *sha,
                        struct bytes *source)
{
    struct keyspace *k = x->keyspace;
    const bool is_evalsha = bytes_has_prefix(bytes_from_string(x->command->name),
                                             BYTES("evalsha"));
    struct script_row row;
    if (is_evalsha || by_sha) {
        const bool there = sha_parse(x->args[1], sha) && row_load(k, sha, &row);
        if (!there || (is_evalsha && row.state == STATE_RETIRED)) {
            if (m->may_move) { /* what stores it may be under way: the log knows */
                m->wants_log = true;
                return false;
            }
            reply_error(x, is_evalsha ? "NOSCRIPT No matching script. Please use EVAL."
                                      : "TRYAGAIN the script was flushed meanwhile, not executed");
            return false;
        }
        *source = source_load(k, sha);
        if (by_sha && row.state == STATE_RETIRED)
            table_add(k, sha, *source, STATE_EVALED);
        return true;
    }
    *source = x->args[1];
    sha1(*source, sha);
    if (row_load(k, sha, &row) && row.state != STATE_RETIRED)
        return true;
    if (!check_source(m, x, *source))
        return false;
    if (!keyspace_is_read_only(k))
        table_add(k, sha, *source, STATE_EVALED);
    return true;
}

static void eval(struct machine *m, struct exec *x, bool by_sha)
{
    struct script_run run = {.machine = m, .outer = x};
    uint8_t sha[SHA1_SIZE];
    char name[SHA1_HEX_SIZE + 1];
    if (!script_keys_parse(x, &run) || !find_source(m, x, by_sha, sha, &run.source))
        return;
    sha_print(sha, name);
    struct buf error = {0};
    const bool good = script_flags_parse(run.source, &run.flags, &error);
    CHECK(good);
    const bool is_ro = (x->command->flags & CMD_READ) != 0;
    run.name = name;
    run.read_only = is_ro || (!(run.flags & SCRIPT_PLAIN) && (run.flags & SCRIPT_NO_WRITES));
    run.source = arena_copy(x->arena, run.source); /* rows may move while it runs */
    if (script_may_run(x, run.flags, is_ro))
        script_run_and_reply(&run, bytes_of(name, SHA1_HEX_SIZE));
}

/* --- SCRIPT ----------------------------------------------------------------------------------- */

static void script_exists(struct exec *x)
{
    reply_array(x, x->arg_count - 2);
    for (uint32_t i = 2; i < x->arg_count; i++) {
        uint8_t sha[SHA1_SIZE];
        struct script_row row;
        reply_int64(x, sha_parse(x->args[i], sha) && row_load(x->keyspace, sha, &row) &&
                           row.state != STATE_RETIRED);
    }
}

static void script_load(struct machine *m, struct exec *x, bool for_eval)
{
    uint8_t sha[SHA1_SIZE];
    char hex[SHA1_HEX_SIZE + 1];
    if (!check_source(m, x, x->args[2]))
        return;
    sha1(x->args[2], sha);
    if (!table_add(x->keyspace, sha, x->args[2], for_eval ? STATE_EVALED : STATE_LOADED)) {
        reply_error(x, "ERR the table of scripts is full (10000 scripts or 64 MiB): SCRIPT FLUSH");
        return;
    }
    sha_print(sha, hex);
    reply_bulk_string(x, hex);
}

static void script_flush(struct exec *x)
{
    if (x->arg_count > 3 ||
        (x->arg_count == 3 && !arg_is(x, 2, "sync") && !arg_is(x, 2, "async"))) {
        reply_error(x, "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
        return;
    }
    struct keyspace *k = x->keyspace;
    struct script_totals t = table_load(k);
    struct cache_cursor cursor;
    struct bytes key, value;
    cache_cursor_open(keyspace_cache(k), &cursor, BYTES("Ls"), BYTES("Lt"), FORWARD);
    while (cache_cursor_next(&cursor, &key, &value)) {
        const struct script_row row = {(enum script_state)*bytes_data(value),
                                       get_le64(bytes_data(value) + 1)};
        uint8_t sha[SHA1_SIZE];
        memcpy(sha, bytes_data(key) + 2, SHA1_SIZE);
        if (row.state != STATE_RETIRED)
            row_store(k, &t, sha, STATE_RETIRED, &row);
    }
    cache_cursor_close(&cursor);
    table_store(k, &t);
    reply_ok(x);
}

uint64_t machine_script_count(struct machine *m)
{
    return table_load(m->keyspace).known;
}

void script_command(struct machine *m, struct exec *x, bool by_sha)
{
    const struct command *container = command_container(x->command);
    const char *name = x->command->name;
    if (!x->in_exec && command_is_out_of_memory(x))
        reply_error(x, "OOM command not allowed when used memory > 'maxmemory'.");
    else if (container == NULL && strncmp(name, "eval", 4) == 0)
        eval(m, x, by_sha);
    else if (container == NULL || strcmp(container->name, "function") == 0)
        function_command(m, x);
    else if (strcmp(name, "exists") == 0)
        script_exists(x);
    else if (strcmp(name, "load") == 0)
        script_load(m, x, by_sha);
    else if (strcmp(name, "flush") == 0)
        script_flush(x);
    else
        panic("the machine does not know %s", name);
}

/* --- where a request goes --------------------------------------------------------------------- */

static bool is_stored(struct machine *m, const uint8_t sha[static SHA1_SIZE])
{
    struct script_row row;
    return row_load(m->keyspace, sha, &row) && row.state != STATE_RETIRED;
}

static bool is_declared_to_read(struct bytes source)
{
    if (!bytes_has_prefix(source, BYTES("#!")))
        return false;
    struct buf error = {0};
    uint32_t flags;
    const bool good = script_flags_parse(source, &flags, &error);
    buf_clear(&error);
    return good && (flags & SCRIPT_NO_WRITES);
}

static bool is_eval(const struct command *c)
{
    return strncmp(c->name, "eval", 4) == 0 && strncmp(c->name, "evalsha", 7) != 0;
}

bool machine_script_only_reads(struct machine *m, const struct command *c, const struct request *r)
{
    uint8_t sha[SHA1_SIZE];
    if (strncmp(c->name, "fcall", 5) == 0)
        return function_only_reads(m, r->args[1]);
    if (is_eval(c))
        return is_declared_to_read(r->args[1]);
    return sha_parse(r->args[1], sha) && is_stored(m, sha) &&
           is_declared_to_read(source_load(m->keyspace, sha));
}

enum script_way machine_script_way(struct machine *m, const struct command *c,
                                   const struct request *r, bool *store)
{
    uint8_t sha[SHA1_SIZE];
    char hex[SHA1_HEX_SIZE + 1];
    const bool is_ro = (c->flags & CMD_READ) != 0;
    const bool has_source = is_eval(c);
    *store = false;
    if (strncmp(c->name, "fcall", 5) == 0) {
        if (is_ro)
            return SCRIPT_READS;
        const struct bytes hint = function_hint_of(m, r->args[1]);
        const bool known = hint.size > 0 && is_known_to_write(m->scripts, hint);
        arena_reset(&m->arena);
        return known ? SCRIPT_TO_LOG : SCRIPT_TRY_READ;
    }
    if (has_source) {
        sha1(r->args[1], sha);
        *store = !is_stored(m, sha);
    } else if (!sha_parse(r->args[1], sha)) {
        return SCRIPT_READS; /* NOSCRIPT */
    }
    const bool stored = has_source || is_stored(m, sha);
    if (stored && (is_ro || is_declared_to_read(has_source ? r->args[1]
                                                           : source_load(m->keyspace, sha))))
        return SCRIPT_READS;
    sha_print(sha, hex);
    const bool writes = is_known_to_write(m->scripts, bytes_of(hex, SHA1_HEX_SIZE));
    return writes && !is_ro ? SCRIPT_TO_LOG : SCRIPT_TRY_READ;
}

struct request machine_script_store(const struct request *r, struct arena *arena)
{
    struct bytes *args = arena_alloc(arena, 3 * sizeof(*args));
    args[0] = BYTES("script");
    args[1] = BYTES("load");
    args[2] = r->args[1];
    return (struct request){.kind = REQ_COMMAND, .flags = REQUEST_SHA, .db = r->db,
                            .user = ACL_NODE_USER, .args = args, .arg_count = 3};
}

void machine_script_shorten(struct machine *m, struct request *r, struct arena *arena)
{
    uint8_t sha[SHA1_SIZE];
    if (r->kind != REQ_COMMAND || (r->flags & REQUEST_SHA) || r->arg_count < 3 ||
        !bytes_equal_nocase_string(r->args[0], "eval") || r->args[1].size <= SHA1_HEX_SIZE)
        return;
    sha1(r->args[1], sha);
    if (!is_stored(m, sha))
        return;
    char hex[SHA1_HEX_SIZE + 1];
    sha_print(sha, hex);
    struct bytes *args = arena_alloc(arena, r->arg_count * sizeof(*args));
    memcpy(args, r->args, r->arg_count * sizeof(*args));
    args[1] = arena_copy(arena, bytes_of(hex, SHA1_HEX_SIZE));
    r->args = args;
    r->flags |= REQUEST_SHA;
}
