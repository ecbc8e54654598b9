/* entry.c -- the entry format, field by field. */

#include "machine/entry.h"

#include "base/crc32c.h"
#include "base/encode.h"
#include "base/panic.h"

#define REQUEST_HEAD_SIZE 11 /* kind:1 flags:1 db:1 user:4 argc:4 */
#define SIZE_SIZE 4          /* before each argument */
#define WATCH_HEAD_SIZE 20   /* selected:4 number:4 stamp:8 size:4 */

/* --- requests --------------------------------------------------------------------------------- */

size_t request_size(const struct request *r)
{
    size_t size = REQUEST_HEAD_SIZE;
    for (uint32_t i = 0; i < r->arg_count; i++)
        size += SIZE_SIZE + r->args[i].size;
    return size;
}

void request_encode(struct buf *to, const struct request *r)
{
    const size_t size = request_size(r);
    uint8_t *at = buf_reserve(to, size);
    at[0] = r->kind;
    at[1] = r->flags;
    at[2] = r->db;
    put_le32(at + 3, r->user);
    put_le32(at + 7, r->arg_count);
    at += REQUEST_HEAD_SIZE;
    for (uint32_t i = 0; i < r->arg_count; i++) {
        const struct bytes arg = r->args[i];
        CHECK(arg.size <= UINT32_MAX);
        put_le32(at, (uint32_t)arg.size);
        at += SIZE_SIZE;
        if (arg.size > 0)
            memcpy(at, arg.data, arg.size);
        at += arg.size;
    }
    buf_commit(to, size);
}

/* The head; false also when so many arguments can not follow. */
static bool decode_head(struct reader *from, struct request *r)
{
    r->kind = reader_u8(from);
    r->flags = reader_u8(from);
    r->db = reader_u8(from);
    r->user = reader_le32(from);
    r->arg_count = reader_le32(from);
    r->args = NULL;
    return !from->failed && r->arg_count <= reader_left(from) / SIZE_SIZE;
}

bool request_decode(struct reader *from, struct arena *arena, struct request *r)
{
    if (!decode_head(from, r))
        return false;
    struct bytes *args = arena_alloc(arena, r->arg_count * sizeof(*args));
    for (uint32_t i = 0; i < r->arg_count; i++)
        args[i] = reader_bytes(from, reader_le32(from));
    r->args = args;
    return !from->failed;
}

bool request_pass(struct reader *from)
{
    struct request r;
    if (!decode_head(from, &r))
        return false;
    for (uint32_t i = 0; i < r.arg_count && !from->failed; i++)
        reader_bytes(from, reader_le32(from));
    return !from->failed;
}

/* --- EXEC ------------------------------------------------------------------------------------- */

void exec_encode_watches(struct buf *to, const struct watch *watches, uint32_t count)
{
    buf_append_le32(to, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct watch *w = &watches[i];
        CHECK(w->key.size <= UINT32_MAX);
        buf_append_le32(to, w->selected);
        buf_append_le32(to, w->number);
        buf_append_le64(to, w->stamp);
        buf_append_le32(to, (uint32_t)w->key.size);
        buf_append_bytes(to, w->key);
    }
}

bool exec_decode_watches(struct bytes from, struct arena *arena, struct watch **watches,
                         uint32_t *count)
{
    struct reader r;
    reader_init(&r, from);
    *count = reader_le32(&r);
    if (r.failed || *count > reader_left(&r) / WATCH_HEAD_SIZE)
        return false;
    *watches = arena_alloc(arena, *count * sizeof(**watches));
    for (uint32_t i = 0; i < *count; i++) {
        struct watch *w = &(*watches)[i];
        w->selected = reader_le32(&r);
        w->number = reader_le32(&r);
        w->stamp = reader_le64(&r);
        w->key = reader_bytes(&r, reader_le32(&r));
    }
    return !r.failed && reader_left(&r) == 0;
}

void exec_encode_command(struct buf *to, const struct request *command)
{
    CHECK(command->kind == REQ_COMMAND);
    request_encode(to, command);
}

bool exec_decode_command(struct bytes from, struct arena *arena, struct request *command)
{
    struct reader r;
    reader_init(&r, from);
    return request_decode(&r, arena, command) && reader_left(&r) == 0 &&
           command->kind == REQ_COMMAND && command->arg_count > 0 &&
           (command->flags & REQUEST_CLIENT) == 0; /* nothing waits inside EXEC */
}

/* --- what a batch may hold ------------------------------------------------------------------- */

static bool exec_is_valid(const struct request *r, struct arena *arena)
{
    struct watch *watches;
    uint32_t watch_count;
    if (r->arg_count == 0 || !exec_decode_watches(r->args[0], arena, &watches, &watch_count))
        return false;
    for (uint32_t i = 1; i < r->arg_count; i++) {
        struct request command;
        if (!exec_decode_command(r->args[i], arena, &command))
            return false;
    }
    return true;
}

/* be32 db, be32 size, bytes, again and again */
static bool names_are_valid(struct bytes names)
{
    struct reader r;
    reader_init(&r, names);
    while (reader_left(&r) > 0 && !r.failed) {
        reader_be32(&r);
        reader_bytes(&r, reader_be32(&r));
    }
    return !r.failed;
}

static bool has_client(const struct request *r)
{
    return r->arg_count > 1 && r->args[r->arg_count - 1].size == 8;
}

static bool unblock_is_valid(const struct request *r)
{
    if (r->arg_count != 1 || r->args[0].size != UNBLOCK_SIZE)
        return false;
    const uint8_t *at = r->args[0].data;
    return at[0] <= UNBLOCK_CLIENT && at[1] <= UNBLOCK_ERROR;
}

static bool request_is_valid(const struct request *r, struct arena *arena)
{
    switch (r->kind) {
    case REQ_COMMAND:
        return r->arg_count > 0 && ((r->flags & REQUEST_CLIENT) == 0 || has_client(r));
    case REQ_EXEC:
        return exec_is_valid(r, arena);
    case REQ_PART:
        return r->arg_count == 2 && r->args[0].size == 4 && r->args[1].size > 0;
    case REQ_EXPIRE_DUE:
        return r->arg_count == 2 && r->args[0].size == 4 && names_are_valid(r->args[1]);
    case REQ_UNBLOCK:
        return unblock_is_valid(r);
    case REQ_CANCEL:
        return r->arg_count == 1 && r->args[0].size == 8;
    case REQ_ORIGIN_LOST:
        return r->arg_count == 1 && r->args[0].size == 16;
    case REQ_SETTING:
        return r->arg_count > 0 && r->arg_count % 2 == 0;
    case REQ_CLOCK:
    case REQ_SKIP:
        return r->arg_count == 0;
    default: /* not yet, or of a newer build: whoever applied it would have to stop */
        return false;
    }
}

bool entry_request_is_valid(const struct request *r)
{
    struct arena arena;
    arena_init(&arena);
    const bool valid = request_is_valid(r, &arena);
    arena_clear(&arena);
    return valid;
}

bool entry_batch_is_valid(struct bytes requests, uint32_t count)
{
    if (count == 0 || count > ENTRY_REQUESTS_MAX || requests.size > ENTRY_BATCH_MAX)
        return false;
    struct arena arena;
    arena_init(&arena);
    struct reader reader;
    reader_init(&reader, requests);
    bool valid = true;
    for (uint32_t i = 0; i < count && valid; i++) {
        struct request r;
        valid = request_decode(&reader, &arena, &r) && request_is_valid(&r, &arena) &&
                (r.kind != REQ_PART || count == 1);
        arena_reset(&arena);
    }
    arena_clear(&arena);
    return valid && reader_left(&reader) == 0;
}

/* --- the whole entry -------------------------------------------------------------------------- */

void entry_encode(struct buf *to, const struct entry_head *head, struct bytes requests)
{
    CHECK(head->format == ENTRY_FORMAT);
    CHECK(head->count <= ENTRY_REQUESTS_MAX);
    CHECK(requests.size <= ENTRY_BATCH_MAX);
    const size_t size = ENTRY_HEAD_SIZE + requests.size + ENTRY_CRC_SIZE;
    uint8_t *at = buf_reserve(to, size);
    at[0] = head->format;
    at[1] = head->flags;
    put_le16(at + 2, head->count);
    put_le64(at + 4, head->origin);
    put_le64(at + 12, head->boot);
    put_le64(at + 20, head->batch);
    put_le64(at + 28, head->clock_ms);
    put_le64(at + 36, head->seed);
    if (requests.size > 0)
        memcpy(at + ENTRY_HEAD_SIZE, requests.data, requests.size);
    const size_t summed = ENTRY_HEAD_SIZE + requests.size;
    put_le32(at + summed, crc32c(0, bytes_of(at, summed)));
    buf_commit(to, size);
}

bool entry_peek(struct bytes payload, struct entry_head *head)
{
    if (payload.size < ENTRY_HEAD_SIZE + ENTRY_CRC_SIZE)
        return false;
    const uint8_t *at = payload.data;
    head->format = at[0];
    head->flags = at[1];
    head->count = get_le16(at + 2);
    head->origin = get_le64(at + 4);
    head->boot = get_le64(at + 12);
    head->batch = get_le64(at + 20);
    head->clock_ms = get_le64(at + 28);
    head->seed = get_le64(at + 36);
    return true;
}

enum status entry_decode(struct bytes payload, struct entry_head *head, struct reader *requests,
                         struct error *e)
{
    if (!entry_peek(payload, head))
        return fail(e, STATUS_CORRUPT, "log entry of %zu bytes is too short", payload.size);
    if (head->format != ENTRY_FORMAT)
        return fail(e, STATUS_INVALID,
                    "log entry has format %u; this build knows %u: run the newer version",
                    head->format, ENTRY_FORMAT);
    const size_t summed = payload.size - ENTRY_CRC_SIZE;
    const uint8_t *data = payload.data;
    if (crc32c(0, bytes_of(data, summed)) != get_le32(data + summed))
        return fail(e, STATUS_CORRUPT, "log entry has a wrong checksum");
    if (head->count > ENTRY_REQUESTS_MAX)
        return fail(e, STATUS_CORRUPT, "log entry claims %u requests", head->count);
    reader_init(requests, bytes_of(data + ENTRY_HEAD_SIZE, summed - ENTRY_HEAD_SIZE));
    return STATUS_OK;
}

/* --- the feature level ------------------------------------------------------------------------ */

/* Format 1 had no room for it; in all others it stands behind the format. */
uint32_t config_level(struct bytes payload)
{
    struct reader r;
    reader_init(&r, payload);
    const uint8_t format = reader_u8(&r);
    if (!r.failed && format == 1)
        return FEATURE_LEVEL_FIRST;
    const uint32_t level = reader_le32(&r);
    return r.failed || format == 0 ? 0 : level;
}

/* --- for people ------------------------------------------------------------------------------- */

#define DESCRIBE_ARGS_MAX 16
#define DESCRIBE_BYTES_MAX 64

static const char *kind_name(uint8_t kind)
{
    static const char *const names[] = {
        [REQ_COMMAND] = "COMMAND",       [REQ_EXEC] = "EXEC",
        [REQ_PART] = "PART",             [REQ_EXPIRE_DUE] = "EXPIRE_DUE",
        [REQ_CLOCK] = "CLOCK",           [REQ_UNBLOCK] = "UNBLOCK",
        [REQ_CANCEL] = "CANCEL",         [REQ_ORIGIN_LOST] = "ORIGIN_LOST",
        [REQ_SETTING] = "SETTING",       [REQ_SKIP] = "SKIP",
    };
    return kind < ARRAY_COUNT(names) && names[kind] != NULL ? names[kind] : "UNKNOWN";
}

static void describe_arg(struct bytes arg, struct buf *to)
{
    const uint8_t *data = bytes_data(arg);
    buf_append_u8(to, ' ');
    for (size_t i = 0; i < MIN(arg.size, DESCRIBE_BYTES_MAX); i++) {
        if (data[i] > ' ' && data[i] < 127 && data[i] != '\\')
            buf_append_u8(to, data[i]);
        else
            buf_printf(to, "\\x%02x", data[i]);
    }
    if (arg.size > DESCRIBE_BYTES_MAX)
        buf_printf(to, "...(%zu bytes)", arg.size);
    if (arg.size == 0)
        buf_append_string(to, "\"\"");
}

/* Passwords are not shown to whoever may read the log. */
static bool is_secret(const struct request *r, uint32_t i)
{
    if (r->kind == REQ_SETTING)
        return i % 2 == 1 && bytes_equal_nocase_string(r->args[i - 1], "requirepass");
    return r->kind == REQ_COMMAND && i > 0 &&
           (bytes_equal_nocase_string(r->args[0], "auth") ||
            bytes_equal_nocase_string(r->args[0], "hello"));
}

static void describe_args(const struct request *r, struct buf *to)
{
    for (uint32_t i = 0; i < MIN(r->arg_count, DESCRIBE_ARGS_MAX); i++)
        describe_arg(is_secret(r, i) ? BYTES("(redacted)") : r->args[i], to);
    if (r->arg_count > DESCRIBE_ARGS_MAX)
        buf_printf(to, " ...(%u arguments)", r->arg_count);
}

static void describe_exec(const struct request *r, struct arena *arena, struct buf *to)
{
    for (uint32_t i = 1; i < MIN(r->arg_count, DESCRIBE_ARGS_MAX); i++) {
        struct request command;
        buf_append_string(to, i == 1 ? "" : ";");
        if (exec_decode_command(r->args[i], arena, &command))
            describe_args(&command, to);
        else
            buf_append_string(to, " (nonsense)");
    }
    if (r->arg_count > DESCRIBE_ARGS_MAX)
        buf_printf(to, "; ...(%u commands)", r->arg_count - 1);
}

static void describe_request(const struct request *r, struct arena *arena, struct buf *to)
{
    if (r->kind == REQ_COMMAND) {
        struct request command = *r;
        if ((r->flags & REQUEST_CLIENT) != 0 && has_client(r))
            command.arg_count--;
        buf_printf(to, "db%u", r->db);
        describe_args(&command, to);
    } else if (r->kind == REQ_EXEC) {
        buf_append_string(to, "EXEC");
        describe_exec(r, arena, to);
    } else {
        buf_append_string(to, kind_name(r->kind));
        describe_args(r, to);
    }
    buf_append_u8(to, '\n');
}

void entry_describe(struct bytes payload, struct buf *to)
{
    struct entry_head head;
    struct reader reader;
    struct error e;
    if (entry_decode(payload, &head, &reader, &e) != STATUS_OK) {
        buf_printf(to, "%s\n", e.text);
        return;
    }
    struct arena arena;
    arena_init(&arena);
    for (uint32_t i = 0; i < head.count; i++) {
        struct request r;
        if (!request_decode(&reader, &arena, &r)) {
            buf_append_string(to, "(nonsense)\n");
            break;
        }
        describe_request(&r, &arena, to);
    }
    arena_clear(&arena);
}
