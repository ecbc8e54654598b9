/* reply.c -- replies of commands, through the RESP writer, or into nothing. */

#include "command/reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/panic.h"
#include "command/command.h"
#include "resp/resp_write.h"

#define PLAIN_DOUBLE_SIZE 32

static struct buf *out(const struct exec *x)
{
    return x->reply.out;
}

static enum resp_protocol protocol(const struct exec *x)
{
    return (enum resp_protocol)x->reply.protocol;
}

bool reply_is_wanted(const struct exec *x)
{
    return x->reply.out != NULL;
}

void reply_ok(struct exec *x)
{
    reply_simple(x, "OK");
}

void reply_simple(struct exec *x, const char *text)
{
    if (reply_is_wanted(x))
        resp_simple(out(x), bytes_from_string(text));
}

static void note_error(struct reply *r, struct bytes text)
{
    const char *end = text.size == 0 ? NULL : memchr(text.data, ' ', text.size);
    size_t size = end == NULL ? text.size : (size_t)(end - (const char *)text.data);
    size = MIN(size, sizeof(r->error_code) - 1);
    memcpy(r->error_code, text.data, size);
    r->error_code[size] = '\0';
    r->errors++;
}

void reply_error_bytes(struct exec *x, struct bytes text)
{
    note_error(&x->reply, text);
    if (reply_is_wanted(x))
        resp_error(out(x), text);
}

void reply_error(struct exec *x, const char *text)
{
    reply_error_bytes(x, bytes_from_string(text));
}

void reply_errorf(struct exec *x, const char *format, ...)
{
    char text[512]; /* longer ones are cut: what is long in an error is the client's own words */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    reply_error(x, text);
}

void reply_int64(struct exec *x, int64_t value)
{
    if (reply_is_wanted(x))
        resp_int64(out(x), value);
}

void reply_bulk(struct exec *x, struct bytes value)
{
    if (reply_is_wanted(x))
        resp_bulk(out(x), value);
}

void reply_bulk_string(struct exec *x, const char *text)
{
    reply_bulk(x, bytes_from_string(text));
}

void reply_bulk_int64(struct exec *x, int64_t value)
{
    if (reply_is_wanted(x))
        resp_bulk_int64(out(x), value);
}

void reply_null(struct exec *x)
{
    if (reply_is_wanted(x))
        resp_null(out(x), protocol(x));
}

void reply_null_array(struct exec *x)
{
    if (reply_is_wanted(x))
        resp_null_array(out(x), protocol(x));
}

void reply_array(struct exec *x, size_t count)
{
    if (reply_is_wanted(x))
        resp_array(out(x), count);
}

void reply_map(struct exec *x, size_t pairs)
{
    if (reply_is_wanted(x))
        resp_map(out(x), protocol(x), pairs);
}

void reply_set(struct exec *x, size_t count)
{
    if (reply_is_wanted(x))
        resp_set(out(x), protocol(x), count);
}

void reply_double(struct exec *x, double value)
{
    if (reply_is_wanted(x))
        resp_double(out(x), protocol(x), value);
}

void reply_double_plain(struct exec *x, double value)
{
    char text[PLAIN_DOUBLE_SIZE];
    if (!reply_is_wanted(x))
        return;
    int size = snprintf(text, sizeof(text), "%.17f", value);
    CHECK(size > 0 && (size_t)size < sizeof(text));
    while (text[size - 1] == '0')
        size--;
    if (text[size - 1] == '.')
        size--;
    struct bytes digits = bytes_of(text, (size_t)size);
    if (bytes_equal(digits, BYTES("-0")))
        digits = BYTES("0");
    resp_double_digits(out(x), protocol(x), digits);
}

void reply_bool(struct exec *x, bool value)
{
    if (reply_is_wanted(x))
        resp_bool(out(x), protocol(x), value);
}

void reply_verbatim(struct exec *x, const char *extension, struct bytes text)
{
    if (reply_is_wanted(x))
        resp_verbatim(out(x), protocol(x), extension, text);
}

size_t reply_array_begin(struct exec *x)
{
    return reply_is_wanted(x) ? resp_defer(out(x)) : 0;
}

static void end_deferred(struct exec *x, size_t begun, enum resp_kind kind, size_t count)
{
    if (reply_is_wanted(x))
        resp_defer_end(out(x), begun, protocol(x), kind, count);
}

void reply_array_end(struct exec *x, size_t begun, size_t count)
{
    end_deferred(x, begun, RESP_ARRAY, count);
}

void reply_set_end(struct exec *x, size_t begun, size_t count)
{
    end_deferred(x, begun, RESP_SET, count);
}

void reply_map_end(struct exec *x, size_t begun, size_t pairs)
{
    end_deferred(x, begun, RESP_MAP, pairs);
}

void reply_help(struct exec *x, const char *const *lines)
{
    const struct command *container = command_container(x->command);
    char name[COMMAND_NAME_MAX];
    struct bytes word = command_full_name(container == NULL ? x->command : container, name);
    for (size_t i = 0; i < word.size; i++)
        if (name[i] >= 'a' && name[i] <= 'z')
            name[i] = (char)(name[i] - 'a' + 'A');

    char head[COMMAND_NAME_MAX + 64];
    snprintf(head, sizeof(head), "%.*s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
             (int)word.size, name);

    const size_t begun = reply_array_begin(x);
    size_t count = 3;
    reply_simple(x, head);
    for (; *lines != NULL; lines++, count++)
        reply_simple(x, *lines);
    reply_simple(x, "HELP");
    reply_simple(x, "    Prints this help.");
    reply_array_end(x, begun, count);
}

void reply_wrong_type(struct exec *x)
{
    reply_error(x, "WRONGTYPE Operation against a key holding the wrong kind of value");
}

void reply_syntax_error(struct exec *x)
{
    reply_error(x, "ERR syntax error");
}

void reply_not_an_integer(struct exec *x)
{
    reply_error(x, "ERR value is not an integer or out of range");
}

void reply_subcommand_error(struct exec *x)
{
    char *name = arena_string(x->arena, x->args[0]);
    for (char *c = name; *c != '\0'; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    reply_errorf(x, "ERR unknown subcommand or wrong number of arguments for '%.128s'. "
                 "Try %s HELP.", arena_string(x->arena, x->args[1]), name);
}

void reply_wrong_arity(struct exec *x)
{
    if (x->command->flags & CMD_UNLISTED) { /* Redis's DEBUG sorts its subcommands out by itself */
        reply_subcommand_error(x);
        return;
    }
    char name[COMMAND_NAME_MAX];
    const struct bytes full = command_full_name(x->command, name);
    reply_errorf(x, "ERR wrong number of arguments for '%.*s' command", (int)full.size, name);
}

void reply_no_such_key(struct exec *x)
{
    reply_error(x, "ERR no such key");
}
