/* grammar.c -- a descent over the text, one function for each form. It is as deep as the text's
 * brackets, at most GRAMMAR_DEPTH_MAX. */

#include "command/grammar.h"

#define NAME_ENDS " |[]()#:=@!."

struct reader {
    const char *at;
    struct grammar *grammar;
};

static bool accept(struct reader *r, const char *text)
{
    const size_t size = strlen(text);
    if (strncmp(r->at, text, size) != 0)
        return false;
    r->at += size;
    return true;
}

/* Up to one of the given bytes. */
static struct bytes take_until(struct reader *r, const char *ends)
{
    const char *from = r->at;
    r->at += strcspn(from, ends);
    return bytes_of(from, (size_t)(r->at - from));
}

/* "2.6.12"; the dots of a repetition are not of it. */
static bool read_version(struct reader *r, struct bytes *version)
{
    const char *from = r->at;
    while ((*r->at >= '0' && *r->at <= '9') || (*r->at == '.' && r->at[1] != '.'))
        r->at++;
    *version = bytes_of(from, (size_t)(r->at - from));
    return version->size > 0;
}

static bool starts_token(const char *text)
{
    return *text >= 'A' && *text <= 'Z';
}

static bool starts_name(const char *text)
{
    return (*text >= 'a' && *text <= 'z') || *text == '\'';
}

static bool read_name(struct reader *r, struct argument *a)
{
    if (!accept(r, "'")) {
        a->name = take_until(r, NAME_ENDS);
        return a->name.size > 0;
    }
    a->name = take_until(r, "'");
    return accept(r, "'");
}

static bool read_parts(struct reader *r, size_t whole, uint32_t depth);

/* What may stand behind a name or a token: type and key spec, or the parts. */
static bool read_kind(struct reader *r, size_t index)
{
    struct argument *a = &r->grammar->arguments[index];
    if (accept(r, "=")) {
        a->token = take_until(r, " |[]()@");
        a->has_token = true;
        a->type = BYTES("pure-token");
        return true;
    }
    if (accept(r, ":"))
        a->type = take_until(r, NAME_ENDS);
    if (accept(r, "#")) {
        if (*r->at < '0' || *r->at > '9')
            return false;
        a->key_spec = *r->at++ - '0';
        if (a->type.size == 0)
            a->type = BYTES("key");
    }
    if (!accept(r, "("))
        return true;
    a->type = BYTES("block");
    return read_parts(r, index, a->depth + 1) && accept(r, ")");
}

/* The word in front of an argument, or an argument that is nothing but its word. */
static bool read_token(struct reader *r, struct argument *a)
{
    a->token = take_until(r, NAME_ENDS);
    a->has_token = true;
    if (r->at[0] == '.' && accept(r, "..."))
        a->flags |= ARGUMENT_MULTIPLE | ARGUMENT_MULTIPLE_TOKEN;
    if (*r->at == ' ' && starts_name(r->at + 1)) {
        r->at++;
        return true;
    }
    a->name = a->token; /* written in lower case */
    a->type = BYTES("pure-token");
    return !(a->flags & ARGUMENT_MULTIPLE_TOKEN);
}

static bool read_argument(struct reader *r, uint32_t depth)
{
    if (r->grammar->count == GRAMMAR_ARGUMENTS_MAX)
        return false;
    const size_t index = r->grammar->count++;
    struct argument *a = &r->grammar->arguments[index];
    *a = (struct argument){.depth = depth, .key_spec = -1};
    const bool optional = accept(r, "[");
    if (optional)
        a->flags |= ARGUMENT_OPTIONAL;
    if (starts_token(r->at) && !read_token(r, a))
        return false;
    if (a->type.size == 0 && (!starts_name(r->at) || !read_name(r, a) || !read_kind(r, index)))
        return false;
    if (a->type.size == 0)
        a->type = BYTES("string");
    if (accept(r, "@") && !read_version(r, &a->since))
        return false;
    if (accept(r, "!") && !read_version(r, &a->deprecated_since))
        return false;
    if (accept(r, "..."))
        a->flags |= ARGUMENT_MULTIPLE;
    return !optional || accept(r, "]");
}

/* Arguments apart by blanks, or by bars: those are parts of a whole that is one of them. */
static bool read_parts(struct reader *r, size_t whole, uint32_t depth)
{
    if (depth > GRAMMAR_DEPTH_MAX)
        return false;
    const size_t first = r->grammar->count;
    bool one_of = false;
    while (read_argument(r, depth)) {
        const bool bar = accept(r, " | ");
        if (!bar && !accept(r, " "))
            return true;
        if (bar != one_of && grammar_parts(r->grammar, first, depth) > 1)
            return false;
        one_of = bar;
        if (bar && depth == 0)
            return false;
        if (bar)
            r->grammar->arguments[whole].type = BYTES("oneof");
    }
    return false;
}

const char *grammar_parse(const char *text, struct grammar *g)
{
    struct reader r = {text, g};
    g->count = 0;
    if (*text == '\0')
        return NULL;
    return read_parts(&r, 0, 0) && *r.at == '\0' ? NULL : r.at;
}

size_t grammar_parts(const struct grammar *g, size_t first, uint32_t depth)
{
    size_t count = 0;
    for (size_t i = first; i < g->count && g->arguments[i].depth >= depth; i++)
        count += g->arguments[i].depth == depth;
    return count;
}
