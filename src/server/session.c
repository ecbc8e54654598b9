#include "server/session.h"

#include <stdlib.h>
#include "base/panic.h"

void session_init(struct session *s)
{
    memset(s, 0, sizeof(*s));
    s->protocol = 2;
    s->only_reads = true;
}

void session_clear(struct session *s)
{
    session_multi_end(s);
    free(s->name);
    free(s->library_name);
    free(s->library_version);
    free(s->watches);
    session_init(s);
}

void session_reset(struct session *s)
{
    session_multi_end(s);
    free(s->name);
    s->name = NULL;
    s->db = 0;
    s->protocol = 2;
    s->is_silent = s->skips_next = s->no_evict = false;
    s->user = 0;
    s->is_authenticated = false; /* the caller knows whether a password is asked for */
}

bool session_set_name(char **name, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (bytes_data(text)[i] < '!' || bytes_data(text)[i] > '~')
            return false;
    free(*name);
    *name = NULL;
    if (text.size > 0) {
        *name = xmalloc(text.size + 1);
        memcpy(*name, text.data, text.size);
        (*name)[text.size] = '\0';
    }
    return true;
}

/* --- transaction ------------------------------------------------------------------------------ */

void session_multi_begin(struct session *s)
{
    CHECK(!s->in_multi);
    CHECK(s->queue_count == 0);
    s->in_multi = true;
    s->has_failed = false;
    s->multi_db = s->db;
    s->flags_any = 0;
    s->only_reads = true;
}

bool session_multi_add(struct session *s, const struct request *request, uint32_t flags)
{
    CHECK(s->in_multi);
    if (s->queue_count == SESSION_QUEUE_MAX ||
        s->queue.size + request_size(request) > SESSION_QUEUE_BYTES_MAX)
        return false;
    if (s->queue_count == s->queue_capacity) {
        s->queue_capacity = MAX(16, 2 * s->queue_capacity);
        s->ends = xrealloc(s->ends, s->queue_capacity * sizeof(*s->ends));
    }
    exec_encode_command(&s->queue, request);
    s->ends[s->queue_count++] = (uint32_t)s->queue.size;
    s->flags_any |= flags;
    if (!(request->flags & REQUEST_READ))
        s->only_reads = false;
    return true;
}

void session_multi_end(struct session *s)
{
    s->in_multi = s->has_failed = false;
    buf_clear(&s->queue);
    free(s->ends);
    s->ends = NULL;
    s->queue_count = s->queue_capacity = 0;
    session_unwatch(s);
}

/* --- watched keys ----------------------------------------------------------------------------- */

bool session_watch(struct session *s, const struct watch *watch)
{
    for (uint32_t i = 0; i < s->watch_count; i++)
        if (s->watches[i].selected == watch->selected && bytes_equal(s->watches[i].key, watch->key))
            return true; /* the first look counts */
    if (s->watch_count == SESSION_WATCHES_MAX)
        return false;
    if (s->watch_count == s->watch_capacity) {
        s->watch_capacity = MAX(4, 2 * s->watch_capacity);
        s->watches = xrealloc(s->watches, s->watch_capacity * sizeof(*s->watches));
    }
    char *key = xmalloc(watch->key.size);
    if (watch->key.size > 0)
        memcpy(key, watch->key.data, watch->key.size);
    s->watches[s->watch_count] = *watch;
    s->watches[s->watch_count++].key = bytes_of(key, watch->key.size);
    return true;
}

void session_unwatch(struct session *s)
{
    for (uint32_t i = 0; i < s->watch_count; i++)
        free((void *)s->watches[i].key.data);
    s->watch_count = 0;
}

void session_exec_request(const struct session *s, struct arena *arena, struct request *request)
{
    struct buf watches = {0};
    exec_encode_watches(&watches, s->watches, s->watch_count);
    struct bytes *args = arena_alloc(arena, (1 + s->queue_count) * sizeof(*args));
    args[0] = arena_copy(arena, buf_bytes(&watches));
    buf_clear(&watches);
    uint32_t start = 0;
    for (uint32_t i = 0; i < s->queue_count; i++) {
        args[1 + i] = bytes_of(buf_data(&s->queue) + start, s->ends[i] - start);
        start = s->ends[i];
    }
    *request = (struct request){
        .kind = REQ_EXEC, .db = (uint8_t)s->db, .user = s->user, .args = args,
        .arg_count = 1 + s->queue_count};
}
