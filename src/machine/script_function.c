/* script_function.c -- FUNCTION and FCALL: libraries of functions, and who calls them.
 *
 * Rows: "F" 'l' library -> number:8 source           number: new at each load, for caches
 *       "F" 'f' function in lower case -> flags:4 described:1 size:4 library size:4 name
 *                                          description
 *       "S" "functions" -> number:8 libraries:8 functions:8 bytes:8
 *
 * FUNCTION LOAD runs the library once, in apply, for what it registers. FCALL runs it again before
 * it calls the function: what a library keeps in its variables lives as long as one call, since no
 * snapshot could carry it. */

#include "machine/script.h"

#include "base/encode.h"
#include "base/panic.h"
#include "command/args.h"
#include "command/glob.h"
#include "command/rdb.h"
#include "command/settings.h"
#include "keyspace/keyspace.h"
#include "machine/machine_internal.h"
#include "machine/verify_rows.h"

#define LIBRARIES_MAX 10000
#define FUNCTIONS_MAX 100000
#define LIBRARIES_BYTES_MAX ((uint64_t)64 << 20)
#define LIBRARY_SIZE_MAX ((size_t)8 << 20)
#define LIBRARY_NAME_MAX 255
#define DESCRIPTION_MAX 65536
#define LOAD_INSTRUCTIONS_MAX 50000000 /* Redis gives a load 500 ms */

struct totals {
    uint64_t number, libraries, functions, bytes;
};

static struct totals totals_load(struct keyspace *k)
{
    struct bytes row;
    if (!keyspace_system_get(k, BYTES("functions"), &row))
        return (struct totals){0};
    CHECK(row.size == 32);
    const uint8_t *at = row.data;
    return (struct totals){get_le64(at), get_le64(at + 8), get_le64(at + 16), get_le64(at + 24)};
}

static void totals_store(struct keyspace *k, const struct totals *t)
{
    uint8_t row[32];
    put_le64(row, t->number);
    put_le64(row + 8, t->libraries);
    put_le64(row + 16, t->functions);
    put_le64(row + 24, t->bytes);
    keyspace_system_put(k, BYTES("functions"), bytes_of(row, sizeof(row)));
}

/* --- rows ------------------------------------------------------------------------------------- */

static struct bytes row_key(struct arena *arena, char kind, struct bytes name)
{
    uint8_t *key = arena_alloc(arena, 2 + name.size);
    key[0] = 'F';
    key[1] = (uint8_t)kind;
    if (name.size > 0)
        memcpy(key + 2, name.data, name.size);
    return bytes_of(key, 2 + name.size);
}

struct function_row {
    uint32_t flags;
    bool has_description;
    struct bytes library, name, description;
};

static bool function_parse(struct bytes value, struct function_row *f)
{
    struct reader r;
    reader_init(&r, value);
    f->flags = reader_le32(&r);
    f->has_description = reader_u8(&r) != 0;
    f->library = reader_bytes(&r, reader_le32(&r));
    f->name = reader_bytes(&r, reader_le32(&r));
    f->description = reader_bytes(&r, reader_left(&r));
    return !r.failed;
}

static struct function_row function_decode(struct bytes value)
{
    struct function_row f;
    const bool is_one = function_parse(value, &f);
    CHECK(is_one);
    return f;
}

/* Names of functions are the same in any case, as in Redis; those of libraries are not. */
static struct bytes function_key(struct arena *arena, struct bytes name)
{
    const struct bytes key = row_key(arena, 'f', name);
    uint8_t *bytes = (uint8_t *)key.data;
    for (size_t i = 2; i < key.size; i++)
        bytes[i] = bytes[i] >= 'A' && bytes[i] <= 'Z' ? bytes[i] | 0x20 : bytes[i];
    return key;
}

/* Borrowed until the row changes. */
static bool function_find(struct exec *x, struct bytes name, struct function_row *f)
{
    struct bytes value;
    if (name.size == 0 || name.size > LIBRARY_NAME_MAX ||
        !cache_get(keyspace_cache(x->keyspace), function_key(x->arena, name), &value))
        return false;
    *f = function_decode(value);
    return true;
}

static bool library_find(struct exec *x, struct bytes name, uint64_t *number,
                         struct bytes *source)
{
    struct bytes value;
    if (name.size == 0 || name.size > LIBRARY_NAME_MAX ||
        !cache_get(keyspace_cache(x->keyspace), row_key(x->arena, 'l', name), &value))
        return false;
    CHECK(value.size >= 8);
    *number = get_le64(value.data);
    *source = bytes_from(value, 8);
    return true;
}

/* A function's library is there. */
static bool foreign_function(struct machine_seen *s, struct bytes value)
{
    struct function_row f;
    if (!function_parse(value, &f))
        return false;
    struct buf source = {0};
    s->functions.functions++;
    const struct bytes library = row_key(&s->arena, 'l', f.library);
    const bool is_there = keyspace_verify_get(s->verify, library, &source);
    buf_clear(&source);
    arena_reset(&s->arena);
    return is_there;
}

bool function_row_is_sound(struct machine_seen *s, struct bytes key, struct bytes value)
{
    const char kind = key.size < 2 ? '\0' : (char)bytes_data(key)[1];
    if (kind == 'f')
        return foreign_function(s, value);
    if (kind != 'l' || value.size < 8)
        return false;
    s->functions.libraries++;
    s->functions.bytes += value.size - 8;
    return true;
}

bool function_rows_add_up(const struct function_seen *s)
{
    return s->totals[1] == s->libraries && s->totals[2] == s->functions &&
           s->totals[3] == s->bytes;
}

static void walk_rows(struct exec *x, char kind, struct cache_cursor *cursor)
{
    const struct bytes from = row_key(x->arena, kind, BYTES_NONE);
    const struct bytes to = row_key(x->arena, (char)(kind + 1), BYTES_NONE);
    cache_cursor_open(keyspace_cache(x->keyspace), cursor, from, to, FORWARD);
}

/* Drops the functions of a library, or (empty) all. */
static void drop_functions(struct exec *x, struct bytes library, struct totals *t)
{
    struct cache_cursor cursor;
    struct bytes key, value;
    walk_rows(x, 'f', &cursor);
    while (cache_cursor_next(&cursor, &key, &value)) {
        if (library.size > 0 && !bytes_equal(function_decode(value).library, library))
            continue;
        t->functions--;
        keyspace_row_del(x->keyspace, key);
    }
    cache_cursor_close(&cursor);
}

static void drop_library(struct exec *x, struct bytes name, struct totals *t)
{
    uint64_t number;
    struct bytes source;
    const bool there = library_find(x, name, &number, &source);
    CHECK(there);
    t->libraries--;
    t->bytes -= source.size;
    drop_functions(x, name, t);
    keyspace_row_del(x->keyspace, row_key(x->arena, 'l', name));
}

/* --- the "#!" line of a library --------------------------------------------------------------- */

static bool is_name(struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        const uint8_t c = bytes_data(name)[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_'))
            return false;
    }
    return name.size > 0 && name.size <= LIBRARY_NAME_MAX;
}

static bool say(struct buf *error, const char *before, struct bytes word, const char *after)
{
    buf_append_string(error, before);
    buf_append_bytes(error, word);
    buf_append_string(error, after);
    return false;
}

static struct bytes take_word(struct bytes *rest)
{
    while (rest->size > 0 && strchr(" \t\r", *bytes_data(*rest)) != NULL)
        *rest = bytes_from(*rest, 1);
    size_t size = 0;
    while (size < rest->size && strchr(" \t\r", bytes_data(*rest)[size]) == NULL)
        size++;
    const struct bytes word = bytes_of(rest->data, size);
    *rest = bytes_from(*rest, size);
    return word;
}

static struct bytes without_quotes(struct bytes word)
{
    const uint8_t *at = word.data;
    if (word.size >= 2 && (at[0] == '"' || at[0] == '\'') && at[word.size - 1] == at[0])
        return bytes_of(at + 1, word.size - 2);
    return word;
}

/* "#!lua name=mylib" */
static bool parse_head(struct bytes source, struct bytes *name, struct buf *error)
{
    if (!bytes_has_prefix(source, BYTES("#!")))
        return say(error, "ERR Missing library metadata", BYTES_NONE, "");
    const uint8_t *end = memchr(source.data, '\n', source.size);
    if (end == NULL)
        return say(error, "ERR Invalid library metadata", BYTES_NONE, "");
    struct bytes line = bytes_of(source.data, (size_t)(end - bytes_data(source)));
    const struct bytes engine = bytes_from(take_word(&line), 2);
    struct bytes word;
    *name = BYTES_NONE;
    bool given = false;
    while ((word = take_word(&line)).size > 0) {
        if (word.size < 5 || !bytes_equal_nocase(bytes_of(word.data, 5), BYTES("name=")))
            return say(error, "ERR Invalid metadata value given: ", word, "");
        if (given)
            return say(error, "ERR Invalid metadata value, name argument was given multiple times",
                       BYTES_NONE, "");
        given = true;
        *name = without_quotes(bytes_from(word, 5));
    }
    if (!given)
        return say(error, "ERR Library name was not given", BYTES_NONE, "");
    if (!is_name(*name))
        return say(error, "ERR Library names can only contain letters, numbers, or underscores(_) "
                          "and must be at least one character long", BYTES_NONE, "");
    if (!bytes_equal_nocase(engine, BYTES("lua")))
        return say(error, "ERR Engine '", engine, "' not found");
    return true;
}

/* --- loading ---------------------------------------------------------------------------------- */

struct loading {
    struct exec *x;
    struct bytes library;
    struct totals *totals;
    struct buf *error;
    uint32_t functions;
};

/* One function of the library that is being loaded: its row, at once. An error takes all back. */
static void function_seen(void *context, const struct script_function *f)
{
    struct loading *l = context;
    struct function_row other;
    l->functions++;
    if (l->error->size > 0)
        return;
    if (function_find(l->x, f->name, &other)) {
        say(l->error, "ERR Function ", f->name, " already exists");
        return;
    }
    if (f->description.size > DESCRIPTION_MAX || l->totals->functions >= FUNCTIONS_MAX) {
        say(l->error, "ERR too many functions, or a description above 64 KiB: ", f->name, "");
        return;
    }
    struct buf row = {0};
    buf_append_le32(&row, f->flags);
    buf_append_u8(&row, f->has_description);
    buf_append_le32(&row, (uint32_t)l->library.size);
    buf_append_bytes(&row, l->library);
    buf_append_le32(&row, (uint32_t)f->name.size);
    buf_append_bytes(&row, f->name);
    buf_append_bytes(&row, f->description);
    keyspace_row_put(l->x->keyspace, function_key(l->x->arena, f->name), buf_bytes(&row));
    buf_clear(&row);
    l->totals->functions++;
}

static void put_library(struct exec *x, struct bytes name, struct bytes source, struct totals *t)
{
    t->number++;
    t->libraries++;
    t->bytes += source.size;
    uint8_t *row = arena_alloc(x->arena, 8 + source.size);
    put_le64(row, t->number);
    memcpy(row + 8, source.data, source.size);
    keyspace_row_put(x->keyspace, row_key(x->arena, 'l', name), bytes_of(row, 8 + source.size));
}

/* NEW is FUNCTION LOAD's, the others are RESTORE's. */
enum policy { POLICY_NEW, POLICY_REPLACE, POLICY_APPEND, POLICY_FLUSH };

/* Within a savepoint: false leaves rows half changed. */
static bool load_library(struct machine *m, struct exec *x, struct bytes source,
                         enum policy policy, struct buf *error)
{
    struct bytes name, old_source;
    uint64_t number;
    if (!parse_head(source, &name, error))
        return false;
    struct totals t = totals_load(x->keyspace);
    if (library_find(x, name, &number, &old_source)) {
        if (policy == POLICY_NEW)
            return say(error, "ERR Library '", name, "' already exists");
        if (policy != POLICY_REPLACE)
            return say(error, "ERR Library ", name, " already exists");
        drop_library(x, name, &t);
    }
    if (source.size > LIBRARY_SIZE_MAX || t.bytes + source.size > LIBRARIES_BYTES_MAX ||
        t.libraries >= LIBRARIES_MAX)
        return say(error, "ERR no room for the library (8 MiB each, 64 MiB and 10000 together): ",
                   name, "");
    struct buf refused = {0};
    struct loading loading = {.x = x, .library = name, .totals = &t, .error = &refused};
    const struct script_library library = {
        .source = source, .seen = function_seen, .context = &loading, .error = error,
        .instructions_max = MIN(LOAD_INSTRUCTIONS_MAX, x->settings->script_instructions_max),
        .memory_max = x->settings->script_memory_max};
    bool good = script_engine_load(script_engine_of(m), &library);
    if (good && refused.size > 0) {
        buf_append_bytes(error, buf_bytes(&refused));
        good = false;
    }
    buf_clear(&refused);
    if (good && loading.functions == 0)
        return say(error, "ERR No functions registered", BYTES_NONE, "");
    if (!good)
        return false;
    put_library(x, name, source, &t);
    totals_store(x->keyspace, &t);
    return true;
}

static void function_load(struct machine *m, struct exec *x)
{
    enum policy policy = POLICY_NEW;
    for (uint32_t i = 2; i + 1 < x->arg_count; i++) {
        if (!arg_is(x, i, "replace")) {
            reply_errorf(x, "ERR Unknown option given: %.*s", (int)MIN(x->args[i].size, 128),
                         (const char *)x->args[i].data);
            return;
        }
        policy = POLICY_REPLACE;
    }
    const struct bytes source = x->args[x->arg_count - 1];
    if (x->arg_count == 3 && arg_is(x, 2, "replace") && source.size == 7) {
        reply_error(x, "ERR Function code is missing");
        return;
    }
    struct buf error = {0};
    struct bytes name;
    keyspace_savepoint_begin(x->keyspace);
    if (load_library(m, x, source, policy, &error)) {
        keyspace_savepoint_end(x->keyspace);
        const bool good = parse_head(source, &name, &error);
        CHECK(good);
        reply_bulk(x, name);
    } else {
        keyspace_savepoint_roll_back(x->keyspace);
        reply_error_bytes(x, buf_bytes(&error));
    }
    buf_clear(&error);
}

/* --- deleting --------------------------------------------------------------------------------- */

static void function_delete(struct exec *x)
{
    uint64_t number;
    struct bytes source;
    if (!library_find(x, x->args[2], &number, &source)) {
        reply_error(x, "ERR Library not found");
        return;
    }
    struct totals t = totals_load(x->keyspace);
    drop_library(x, x->args[2], &t);
    totals_store(x->keyspace, &t);
    reply_ok(x);
}

static void drop_all(struct exec *x)
{
    struct totals t = totals_load(x->keyspace);
    struct cache_cursor cursor;
    struct bytes key, value;
    drop_functions(x, BYTES_NONE, &t);
    walk_rows(x, 'l', &cursor);
    while (cache_cursor_next(&cursor, &key, &value))
        keyspace_row_del(x->keyspace, key);
    cache_cursor_close(&cursor);
    CHECK(t.functions == 0);
    t.libraries = t.bytes = 0;
    totals_store(x->keyspace, &t);
}

static void function_flush(struct exec *x)
{
    if (x->arg_count > 3) {
        reply_errorf(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'."
                        " Try FUNCTION HELP.", (int)MIN(x->args[1].size, 128),
                     (const char *)x->args[1].data);
    } else if (x->arg_count == 3 && !arg_is(x, 2, "sync") && !arg_is(x, 2, "async")) {
        reply_error(x, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
    } else {
        drop_all(x);
        reply_ok(x);
    }
}

/* --- DUMP and RESTORE ------------------------------------------------------------------------- */

static void function_dump(struct exec *x)
{
    struct buf payload = {0};
    struct cache_cursor cursor;
    struct bytes key, value;
    walk_rows(x, 'l', &cursor);
    while (cache_cursor_next(&cursor, &key, &value))
        rdb_put_library(&payload, bytes_from(value, 8));
    cache_cursor_close(&cursor);
    rdb_put_footer(&payload, 0);
    reply_bulk(x, buf_bytes(&payload));
    buf_clear(&payload);
}

static bool take_policy(struct exec *x, enum policy *policy)
{
    *policy = POLICY_APPEND;
    if (x->arg_count > 4) {
        reply_errorf(x, "ERR unknown subcommand or wrong number of arguments for '%.*s'."
                        " Try FUNCTION HELP.", (int)MIN(x->args[1].size, 128),
                     (const char *)x->args[1].data);
        return false;
    }
    if (x->arg_count == 3 || arg_is(x, 3, "append"))
        return true;
    if (arg_is(x, 3, "replace"))
        *policy = POLICY_REPLACE;
    else if (arg_is(x, 3, "flush"))
        *policy = POLICY_FLUSH;
    else {
        reply_error(x, "ERR Wrong restore policy given, value should be either FLUSH, APPEND or "
                       "REPLACE.");
        return false;
    }
    return true;
}

/* false: *x has been answered. */
static bool read_libraries(struct exec *x, struct rdb_value *v)
{
    const struct rdb_limits limits = {.elements_max = LIBRARIES_MAX,
                                      .unpacked_max = LIBRARIES_BYTES_MAX};
    switch (rdb_read_libraries(x->args[2], &limits, x->arena, v)) {
    case RDB_OK:
        return true;
    case RDB_WRONG_FOOTER:
        reply_error(x, "ERR DUMP payload version or checksum are wrong");
        return false;
    case RDB_NO_LIBRARY:
        reply_error(x, "ERR given type is not a function");
        return false;
    case RDB_CORRUPT:
    case RDB_TOO_MANY:
    case RDB_TOO_LARGE:
        reply_error(x, "ERR failed loading the given functions payload");
        return false;
    }
    panic("no such result");
}

/* All of them, or none. */
static void function_restore(struct machine *m, struct exec *x)
{
    enum policy policy;
    struct rdb_value v;
    if (!take_policy(x, &policy))
        return;
    if (!read_libraries(x, &v)) {
        rdb_value_clear(&v);
        return;
    }
    struct buf error = {0};
    bool good = true;
    keyspace_savepoint_begin(x->keyspace);
    if (policy == POLICY_FLUSH)
        drop_all(x);
    for (size_t i = 0; i < v.count && good; i++)
        good = load_library(m, x, v.elements[i], policy, &error);
    if (good) {
        keyspace_savepoint_end(x->keyspace);
        reply_ok(x);
    } else {
        keyspace_savepoint_roll_back(x->keyspace);
        reply_error_bytes(x, buf_bytes(&error));
    }
    buf_clear(&error);
    rdb_value_clear(&v);
}

/* --- LIST ------------------------------------------------------------------------------------- */

static void reply_function(struct exec *x, const struct function_row *f)
{
    reply_map(x, 3);
    reply_bulk_string(x, "name");
    reply_bulk(x, f->name);
    reply_bulk_string(x, "description");
    if (f->has_description)
        reply_bulk(x, f->description);
    else
        reply_null(x);
    reply_bulk_string(x, "flags");
    const size_t begun = reply_array_begin(x);
    size_t count = 0;
    for (size_t i = 0; script_flag_name(i) != NULL; i++) {
        if (!(f->flags & script_flag_by_name(bytes_from_string(script_flag_name(i)))))
            continue;
        reply_simple(x, script_flag_name(i));
        count++;
    }
    reply_set_end(x, begun, count);
}

static void reply_library(struct exec *x, struct bytes name, struct bytes source, bool with_code)
{
    reply_map(x, with_code ? 4 : 3);
    reply_bulk_string(x, "library_name");
    reply_bulk(x, name);
    reply_bulk_string(x, "engine");
    reply_bulk_string(x, "LUA");
    reply_bulk_string(x, "functions");
    const size_t begun = reply_array_begin(x);
    size_t count = 0;
    struct cache_cursor cursor;
    struct bytes key, value;
    walk_rows(x, 'f', &cursor);
    while (cache_cursor_next(&cursor, &key, &value)) {
        const struct function_row f = function_decode(value);
        if (!bytes_equal(f.library, name))
            continue;
        reply_function(x, &f);
        count++;
    }
    cache_cursor_close(&cursor);
    reply_array_end(x, begun, count);
    if (with_code) {
        reply_bulk_string(x, "library_code");
        reply_bulk(x, source);
    }
}

static void function_list(struct exec *x)
{
    bool with_code = false;
    const struct bytes *pattern = NULL;
    for (uint32_t i = 2; i < x->arg_count; i++) {
        if (!with_code && arg_is(x, i, "withcode")) {
            with_code = true;
        } else if (pattern == NULL && arg_is(x, i, "libraryname")) {
            if (i + 1 == x->arg_count) {
                reply_error(x, "ERR library name argument was not given");
                return;
            }
            pattern = &x->args[++i];
        } else {
            reply_errorf(x, "ERR Unknown argument %.*s", (int)MIN(x->args[i].size, 128),
                         (const char *)x->args[i].data);
            return;
        }
    }
    const size_t begun = reply_array_begin(x);
    size_t count = 0;
    struct cache_cursor cursor;
    struct bytes key, value;
    walk_rows(x, 'l', &cursor);
    while (cache_cursor_next(&cursor, &key, &value)) {
        const struct bytes name = bytes_from(key, 2);
        if (pattern != NULL && !glob_match(*pattern, name, true))
            continue;
        reply_library(x, name, bytes_from(value, 8), with_code);
        count++;
    }
    cache_cursor_close(&cursor);
    reply_array_end(x, begun, count);
}

void machine_function_counts(struct machine *m, uint64_t *libraries, uint64_t *functions)
{
    const struct totals t = totals_load(m->keyspace);
    *libraries = t.libraries;
    *functions = t.functions;
}

/* --- FCALL ------------------------------------------------------------------------------------ */

/* A library as it is now: compiled forms and hints are kept by this. */
static struct bytes library_key(struct arena *arena, struct bytes library, uint64_t number)
{
    uint8_t *key = arena_alloc(arena, library.size + 8);
    memcpy(key, library.data, library.size);
    put_le64(key + library.size, number);
    return bytes_of(key, library.size + 8);
}

static struct bytes function_hint(struct arena *arena, struct bytes library, struct bytes name)
{
    uint8_t *hint = arena_alloc(arena, library.size + name.size);
    memcpy(hint, library.data, library.size);
    memcpy(hint + library.size, name.data, name.size);
    return bytes_of(hint, library.size + name.size);
}

struct bytes function_hint_of(struct machine *m, struct bytes name)
{
    struct exec x = {.keyspace = m->keyspace, .arena = &m->arena};
    struct function_row f;
    struct bytes source;
    uint64_t number;
    if (!function_find(&x, name, &f) || !library_find(&x, f.library, &number, &source))
        return BYTES_NONE;
    return function_hint(x.arena, library_key(x.arena, f.library, number), f.name);
}

bool function_only_reads(struct machine *m, struct bytes name)
{
    struct exec x = {.keyspace = m->keyspace, .arena = &m->arena};
    struct function_row f;
    const bool reads = function_find(&x, name, &f) && (f.flags & SCRIPT_NO_WRITES) != 0;
    arena_reset(&m->arena);
    return reads;
}

static void fcall(struct machine *m, struct exec *x)
{
    struct function_row f;
    struct script_run run = {.machine = m, .outer = x};
    uint64_t number;
    int64_t keys;
    if (!function_find(x, x->args[1], &f)) {
        reply_error(x, "ERR Function not found");
        return;
    }
    if (!bytes_to_int64(x->args[2], &keys)) {
        reply_error(x, "ERR Bad number of keys provided");
        return;
    }
    if (!script_keys_parse(x, &run))
        return;
    run.flags = f.flags;
    const bool is_ro = (x->command->flags & CMD_READ) != 0;
    run.read_only = is_ro || (f.flags & SCRIPT_NO_WRITES) != 0;
    const bool there = library_find(x, f.library, &number, &run.source);
    CHECK(there);
    run.source = arena_copy(x->arena, run.source);
    run.name = arena_string(x->arena, f.name);
    run.library = library_key(x->arena, f.library, number);
    const struct bytes hint = function_hint(x->arena, run.library, f.name);
    if (script_may_run(x, run.flags, is_ro))
        script_run_and_reply(&run, hint);
}

void function_command(struct machine *m, struct exec *x)
{
    const char *name = x->command->name;
    if (strncmp(name, "fcall", 5) == 0)
        fcall(m, x);
    else if (strcmp(name, "load") == 0)
        function_load(m, x);
    else if (strcmp(name, "delete") == 0)
        function_delete(x);
    else if (strcmp(name, "flush") == 0)
        function_flush(x);
    else if (strcmp(name, "dump") == 0)
        function_dump(x);
    else if (strcmp(name, "restore") == 0)
        function_restore(m, x);
    else if (strcmp(name, "list") == 0)
        function_list(x);
    else
        panic("the machine does not know FUNCTION %s", name);
}
