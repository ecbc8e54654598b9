/* docs.c -- COMMAND DOCS: the command's row, its history, its arguments as a nested reply. */

#include "command/docs.h"

#include <stdlib.h>

#include "base/panic.h"
#include "command/grammar.h"

static size_t docs_count(void)
{
    size_t count = 0;
    while (docs_table[count].name != NULL)
        count++;
    return count;
}

static int compare_name(const void *key, const void *row)
{
    return strcmp(key, ((const struct docs *)row)->name);
}

const struct docs *docs_of(const struct command *c)
{
    char name[COMMAND_NAME_MAX];
    command_full_name(c, name); /* ends with a NUL */
    return bsearch(name, docs_table, docs_count(), sizeof(*docs_table), compare_name);
}

static void reply_field(struct exec *x, const char *name, const char *value, size_t *count)
{
    if (value == NULL)
        return;
    reply_bulk_string(x, name);
    reply_bulk_string(x, value);
    ++*count;
}

static void reply_bytes_field(struct exec *x, const char *name, struct bytes value, size_t *count)
{
    if (value.size == 0)
        return;
    reply_bulk_string(x, name);
    reply_bulk(x, value);
    ++*count;
}

/* --- arguments -------------------------------------------------------------------------------- */

/* A token's own name is its token in lower case. */
static void reply_name(struct exec *x, struct bytes name)
{
    char text[COMMAND_NAME_MAX];
    CHECK(name.size <= sizeof(text));
    for (size_t i = 0; i < name.size; i++) {
        const char c = (char)bytes_data(name)[i];
        text[i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    reply_bulk_string(x, "name");
    reply_bulk(x, bytes_of(text, name.size));
}

static void reply_argument_flags(struct exec *x, uint32_t flags)
{
    static const char *const names[] = {"optional", "multiple", "multiple_token"};
    const size_t begun = reply_array_begin(x);
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (flags & (1u << i)) {
            reply_simple(x, names[i]);
            count++;
        }
    reply_set_end(x, begun, count);
}

static void reply_parts(struct exec *x, const struct grammar *g, size_t first, uint32_t depth);

static void reply_argument(struct exec *x, const struct grammar *g, size_t index)
{
    const struct argument *a = &g->arguments[index];
    const size_t begun = reply_array_begin(x);
    size_t count = 1;
    reply_name(x, a->name);
    reply_bytes_field(x, "type", a->type, &count);
    if (a->key_spec >= 0) {
        reply_bulk_string(x, "key_spec_index");
        reply_int64(x, a->key_spec);
        count++;
    }
    if (a->has_token) {
        reply_bulk_string(x, "token");
        reply_bulk(x, a->token);
        count++;
    }
    reply_bytes_field(x, "since", a->since, &count);
    reply_bytes_field(x, "deprecated_since", a->deprecated_since, &count);
    if (a->flags != 0) {
        reply_bulk_string(x, "flags");
        reply_argument_flags(x, a->flags);
        count++;
    }
    if (grammar_parts(g, index + 1, a->depth + 1) > 0) {
        reply_bulk_string(x, "arguments");
        reply_parts(x, g, index + 1, a->depth + 1);
        count++;
    }
    reply_map_end(x, begun, count);
}

/* As deep as the grammar's brackets: at most GRAMMAR_DEPTH_MAX. */
static void reply_parts(struct exec *x, const struct grammar *g, size_t first, uint32_t depth)
{
    reply_array(x, grammar_parts(g, first, depth));
    for (size_t i = first; i < g->count && g->arguments[i].depth >= depth; i++)
        if (g->arguments[i].depth == depth)
            reply_argument(x, g, i);
}

static void reply_arguments(struct exec *x, const char *text, size_t *count)
{
    struct grammar g;
    const char *wrong = grammar_parse(text, &g);
    CHECK(wrong == NULL); /* a constant of ours: test_docs reads them all */
    if (g.count == 0)
        return;
    reply_bulk_string(x, "arguments");
    reply_parts(x, &g, 0, 0);
    ++*count;
}

/* --- the command ------------------------------------------------------------------------------ */

static void reply_history(struct exec *x, const char *history, size_t *count)
{
    if (history == NULL)
        return;
    reply_bulk_string(x, "history");
    const size_t begun = reply_array_begin(x);
    size_t changes = 0;
    for (const char *at = history; *at != '\0'; changes++) {
        const size_t version = strcspn(at, " ");
        const size_t size = strcspn(at, ";");
        CHECK(version < size);
        reply_array(x, 2);
        reply_bulk(x, bytes_of(at, version));
        reply_bulk(x, bytes_of(at + version + 1, size - version - 1));
        at += size;
        at += strspn(at, "; ");
    }
    reply_set_end(x, begun, changes);
    ++*count;
}

static void reply_doc_flags(struct exec *x, const struct command *c, size_t *count)
{
    if (c->deprecated_since == NULL && !(c->flags & CMD_SYSTEM))
        return;
    reply_bulk_string(x, "doc_flags");
    reply_set(x, 1);
    reply_simple(x, c->deprecated_since != NULL ? "deprecated" : "syscmd");
    ++*count;
}

void docs_reply(struct exec *x, const struct command *c)
{
    char name[COMMAND_NAME_MAX];
    const struct docs *docs = docs_of(c);
    reply_bulk(x, command_full_name(c, name));
    const size_t begun = reply_array_begin(x);
    size_t count = 0;
    reply_field(x, "summary", c->summary, &count);
    reply_field(x, "since", c->since, &count);
    reply_field(x, "group", c->group, &count);
    reply_field(x, "complexity", c->complexity, &count);
    reply_doc_flags(x, c, &count);
    reply_field(x, "deprecated_since", c->deprecated_since, &count);
    reply_field(x, "replaced_by", c->replaced_by, &count);
    if (docs != NULL) {
        reply_history(x, docs->history, &count);
        reply_arguments(x, docs->grammar, &count);
    }
    const size_t parts = command_listed_parts(c);
    if (parts > 0) {
        reply_bulk_string(x, "subcommands");
        reply_map(x, parts);
        for (const struct command *sub = c->subcommands; sub->name != NULL; sub++)
            if (!(sub->flags & CMD_UNLISTED))
                docs_reply(x, sub); /* one level deep */
        count++;
    }
    reply_map_end(x, begun, count);
}
