#include "command/block.h"

#include <math.h>

/* ceil() of a product that is exact for all timeouts people give; Redis does it in long double.
 * What does not fit 64 bits becomes their lowest number there, hence negative. */
bool arg_timeout(struct exec *x, uint32_t n, uint64_t *timeout_ms)
{
    double seconds;
    if (!bytes_to_double(x->args[n], &seconds)) {
        reply_error(x, "ERR timeout is not a float or out of range");
        return false;
    }
    const double ms = ceil(seconds * 1000.0);
    if (ms < 0 || ms >= 0x1p63) {
        reply_error(x, "ERR timeout is negative");
        return false;
    }
    *timeout_ms = (uint64_t)ms;
    return true;
}

bool block_wait(struct exec *x, const struct block *wish)
{
    if (x->block == NULL || x->in_exec || x->in_script)
        return false;
    const struct bytes *ready = x->block->ready;
    *x->block = *wish;
    x->block->ready = ready;
    x->block->waits = true;
    return true;
}

static bool is_to_be_looked_at(const struct exec *x, struct bytes key)
{
    return x->block == NULL || x->block->ready == NULL || bytes_equal(*x->block->ready, key);
}

bool block_open(struct exec *x, const struct block *wish, struct object *o)
{
    for (uint32_t i = wish->first; i < wish->first + wish->count; i++) {
        if (!is_to_be_looked_at(x, x->args[i]))
            continue;
        if (!open_key(x, i, wish->type, o))
            return false;
        if (o->type != TYPE_NONE)
            return true;
        object_close(o);
    }
    if (!block_wait(x, wish))
        reply_null_array(x);
    return false;
}
