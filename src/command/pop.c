/* pop.c -- what pops of lists and sorted sets share. */

#include "command/pop.h"

static const int64_t positive[] = {1, INT64_MAX};

bool may_pop(struct exec *x, const struct object *o, uint64_t count)
{
    return count == object_count(o) || may_write_rows(x, count);
}

bool multi_pop_parse(struct exec *x, uint32_t n, const char *const words[static 2],
                     struct multi_pop *m)
{
    int64_t key_count, count = 1;
    if (!arg_int64_range(x, n, positive, &key_count, "ERR numkeys should be greater than 0"))
        return false;
    m->key = n + 1;
    const uint32_t behind = x->arg_count - m->key; /* arity: there is one at least */
    const bool has_word = (uint64_t)key_count < behind;
    m->key_count = has_word ? (uint32_t)key_count : 0;
    const uint32_t word = m->key + m->key_count;
    m->at_second = has_word && arg_is(x, word, words[1]);
    const bool has_count = arg_is(x, word + 1, "count") && word + 2 < x->arg_count;
    if (!has_word || (!m->at_second && !arg_is(x, word, words[0])) ||
        (word + 1 < x->arg_count && !has_count)) {
        reply_syntax_error(x);
        return false;
    }
    if (has_count &&
        !arg_int64_range(x, word + 2, positive, &count, "ERR count should be greater than 0"))
        return false;
    if (has_count && word + 3 < x->arg_count) {
        reply_syntax_error(x);
        return false;
    }
    m->count = (uint64_t)count;
    return true;
}

bool multi_pop_open(struct exec *x, const struct multi_pop *m, enum type type, struct object *o)
{
    for (uint32_t i = 0; i < m->key_count; i++) {
        if (!open_key(x, m->key + i, type, o))
            return false;
        if (o->type != TYPE_NONE)
            return true;
        object_close(o);
    }
    reply_null_array(x);
    return false;
}
