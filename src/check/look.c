/* look.c -- info and log: what a directory holds, for people and for programs. */

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/panic.h"
#include "check/check.h"
#include "machine/entry.h"
#include "node/log_describe.h"
#include "raft/types.h"

#define READ_BYTES_MAX ((size_t)16 << 20)

/* --- info ------------------------------------------------------------------------------------- */

static void print_set(const struct node_dir *n, const char *name, const struct raft_set *set)
{
    struct buf text = {0};
    if (set->count == 0)
        return;
    describe_nodes(n, set, &text);
    printf("%-11s%.*s\n", name, (int)text.size, (const char *)buf_data(&text));
    buf_clear(&text);
}

static void print_time(uint64_t ms)
{
    char text[32] = "never";
    const time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    if (ms > 0 && gmtime_r(&seconds, &utc) != NULL)
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
    printf("clock      %s\n", text);
}

int check_info(struct node_dir *n)
{
    const struct log_recovered *r = &n->recovered;
    if (r->identity.node_id == 0) {
        printf("node       none: this directory was never introduced to a cluster\n");
        return 0;
    }
    printf("node       %" PRIu64 "\n", r->identity.node_id);
    printf("cluster    %016" PRIx64 "\n", log_identity_name(&r->identity));
    printf("started    %" PRIu64 " times\n", r->boot);
    printf("term       %" PRIu64 ", voted for %" PRIu64 "\n", r->hard_state.current_term,
           r->hard_state.voted_for);
    printf("log        entries %" PRIu64 " to %" PRIu64 ", %" PRIu64 " bytes, last of term %" PRIu64
           "\n",
           r->base_index + 1, r->last_index, r->bytes, node_dir_term(n, r->last_index));
    if (n->state == NULL)
        printf("state      none yet\n");
    else
        printf("state      generation %" PRIu64 ", entry %" PRIu64 " of term %" PRIu64 ", %" PRIu64
               " keys, digest %016" PRIx64 "\n",
               n->generation, n->applied_index, n->applied_term, n->keys, n->digest);
    print_time(n->clock_ms);
    if (r->last_index > n->applied_index)
        printf("to apply   %" PRIu64 " entries, once they are known to be committed\n",
               r->last_index - n->applied_index);
    print_set(n, "voters", &n->members.config.incoming);
    print_set(n, "leaving", &n->members.config.outgoing);
    print_set(n, "learners", &n->members.config.learners);
    printf("level      feature level %u%s\n", n->level,
           n->level > FEATURE_LEVEL_MAX ? ", of a newer version than this one" : "");
    return 0;
}

/* --- log -------------------------------------------------------------------------------------- */

static void print_json_string(struct bytes text)
{
    putchar('"');
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t c = bytes_data(text)[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static const char *kind_name(uint8_t kind)
{
    return kind == RAFT_NOOP ? "noop" : kind == RAFT_CONFIG ? "config" : "data";
}

static void print_json(uint64_t index, const struct log_entry *entry)
{
    struct entry_head head;
    struct buf text = {0};
    printf("{\"index\":%" PRIu64 ",\"term\":%" PRIu64 ",\"kind\":\"%s\",\"size\":%zu", index,
           entry->term, kind_name(entry->kind), entry->payload.size);
    if (entry->kind == RAFT_DATA && entry_peek(entry->payload, &head)) {
        printf(",\"origin\":%" PRIu64 ",\"boot\":%" PRIu64 ",\"batch\":%" PRIu64
               ",\"clock_ms\":%" PRIu64 ",\"requests\":[",
               head.origin, head.boot, head.batch, head.clock_ms);
        entry_describe(entry->payload, &text);
        struct bytes rest = buf_bytes(&text);
        for (bool first = true; rest.size > 0; first = false) {
            const uint8_t *end = memchr(rest.data, '\n', rest.size);
            const size_t size = end == NULL ? rest.size : (size_t)(end - bytes_data(rest));
            if (!first)
                putchar(',');
            print_json_string(bytes_of(rest.data, size));
            rest = bytes_from(rest, MIN(size + 1, rest.size));
        }
        putchar(']');
    }
    puts("}");
    buf_clear(&text);
}

static void print_line(uint64_t index, const struct log_entry *entry)
{
    struct buf line = {0};
    log_describe_entry(index, entry, &line);
    printf("%.*s\n", (int)line.size, (const char *)buf_data(&line));
    buf_clear(&line);
}

int check_log(struct node_dir *n, const struct log_options *options)
{
    const uint64_t first = n->recovered.base_index + 1, last = n->recovered.last_index;
    if (options->from > 0 && options->from < first) {
        fprintf(stderr,
                "avow-check: entry %" PRIu64 " was compacted away: the log begins at %" PRIu64 "\n",
                options->from, first);
        return 1;
    }
    struct log_block block = {0};
    struct error e;
    uint64_t next = MAX(options->from, first), left = options->count;
    while (next <= last && left > 0) {
        const struct log_range range = {next, MIN(last, next + left - 1), READ_BYTES_MAX};
        if (log_store_read(n->log, &range, &block, &e) != STATUS_OK) {
            log_block_clear(&block);
            return check_failed(&e);
        }
        for (size_t i = 0; i < block.count; i++)
            (options->json ? print_json : print_line)(next + i, &block.entries[i]);
        next += block.count;
        left -= block.count;
    }
    log_block_clear(&block);
    return 0;
}
