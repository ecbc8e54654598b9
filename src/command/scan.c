/* scan.c -- what SCAN, HSCAN, SSCAN and ZSCAN share. */

#include "command/scan.h"

#include <errno.h>
#include <stdlib.h>

#include "command/args.h"
#include "command/glob.h"

#define SCAN_COUNT 10 /* elements looked at when COUNT is not given */

/* As strtoul takes it, which is what Redis asks. */
bool scan_parse_cursor(struct exec *x, uint32_t n, struct scan *s)
{
    *s = (struct scan){.count = SCAN_COUNT};
    const struct bytes b = x->args[n];
    char *text = arena_string(x->arena, b), *end;
    errno = 0;
    s->cursor = strtoul(text, &end, 10);
    if (text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r') || *end != '\0' || errno == ERANGE) {
        reply_error(x, "ERR invalid cursor");
        return false;
    }
    return true;
}

bool scan_parse_options(struct exec *x, uint32_t n, bool with_type, struct scan *s)
{
    for (uint32_t i = n; i < x->arg_count; i += 2) {
        const bool has_value = i + 1 < x->arg_count;
        if (arg_is(x, i, "count") && has_value) {
            if (!arg_int64(x, i + 1, &s->count))
                return false;
            if (s->count < 1) {
                reply_syntax_error(x);
                return false;
            }
        } else if (arg_is(x, i, "match") && has_value) {
            s->has_pattern = true;
            s->pattern = x->args[i + 1];
        } else if (arg_is(x, i, "type") && has_value && with_type) {
            s->type = arena_copy(x->arena, x->args[i + 1]);
            if (s->type.data == NULL) /* a type of no name: nothing has it */
                s->type.data = "";
        } else {
            reply_syntax_error(x);
            return false;
        }
    }
    return true;
}

bool scan_step(struct scan *s, uint64_t position)
{
    if (s->seen >= s->count && position != s->last) {
        s->next = s->last + 1;
        return false;
    }
    s->last = position;
    s->seen++;
    return true;
}

bool scan_matches(const struct scan *s, struct bytes name)
{
    return !s->has_pattern || glob_match(s->pattern, name, false);
}

void scan_found(struct scan *s, struct bytes b)
{
    buf_append_le32(&s->found, (uint32_t)b.size);
    buf_append_bytes(&s->found, b);
    s->found_count++;
}

void scan_reply(struct exec *x, struct scan *s)
{
    char digits[INT64_DIGITS];
    reply_array(x, 2);
    reply_bulk(x, bytes_from_uint64(s->next, digits));
    reply_array(x, s->found_count);
    struct reader r;
    reader_init(&r, buf_bytes(&s->found));
    for (size_t i = 0; i < s->found_count; i++) {
        const uint32_t size = reader_le32(&r);
        reply_bulk(x, reader_bytes(&r, size));
    }
    buf_clear(&s->found);
}
