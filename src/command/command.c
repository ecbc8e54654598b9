/* command.c -- the way into every command: what is refused before its function runs. */

#include "command/command.h"

#include "base/panic.h"
#include "command/block.h"
#include "command/settings.h"
#include "keyspace/keyspace.h"

#define UNKNOWN_WORD_MAX 128 /* of an unknown command, and of all its arguments together */

bool command_arity_fits(const struct command *c, uint32_t arg_count)
{
    return c->arity >= 0 ? arg_count == (uint32_t)c->arity : arg_count >= (uint32_t)-c->arity;
}

bool command_reads(const struct command *c, const struct bytes *args, uint32_t arg_count)
{
    if (!(c->flags & CMD_STORE_OPTION))
        return (c->flags & CMD_READ) != 0;
    for (uint32_t i = 2; i < arg_count; i++) /* one that is no option costs an entry, no more */
        if (bytes_equal_nocase_string(args[i], "store") ||
            bytes_equal_nocase_string(args[i], "storedist"))
            return false;
    return true;
}

/* A word of the client's as an error repeats it: cut, and without line ends. */
static void append_word(struct buf *text, struct bytes word, size_t max)
{
    for (size_t i = 0; i < MIN(word.size, max); i++) {
        const uint8_t c = bytes_data(word)[i];
        if (c == '\0') /* Redis prints the word as a C string */
            return;
        buf_append_u8(text, c == '\r' || c == '\n' ? ' ' : c);
    }
}

void command_unknown_text(const struct bytes *args, uint32_t arg_count, struct buf *text)
{
    const struct command *container;
    command_find(args, arg_count, &container);
    if (container != NULL && arg_count > 1) {
        const bool own_words = (container->subcommands->flags & CMD_UNLISTED) != 0;
        buf_append_string(text, own_words
                                    ? "ERR unknown subcommand or wrong number of arguments for '"
                                    : "ERR unknown subcommand '");
        append_word(text, args[1], UNKNOWN_WORD_MAX);
        buf_append_string(text, "'. Try ");
        for (const char *c = container->name; *c != '\0'; c++)
            buf_append_u8(text, (uint8_t)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c));
        buf_append_string(text, " HELP.");
        return;
    }

    buf_append_string(text, "ERR unknown command '");
    append_word(text, args[0], UNKNOWN_WORD_MAX);
    buf_append_string(text, "', with args beginning with: ");
    const size_t begin = text->size;
    for (uint32_t i = 1; i < arg_count && text->size - begin < UNKNOWN_WORD_MAX; i++) {
        buf_append_u8(text, '\'');
        append_word(text, args[i], UNKNOWN_WORD_MAX - (text->size - begin - 1));
        buf_append_string(text, "' ");
    }
}

bool command_is_out_of_memory(const struct exec *x)
{
    return (x->command->flags & CMD_DENY_OOM) &&
           keyspace_is_full(x->keyspace, x->settings->maxmemory);
}

/* Its EXEC was, or it has waited since. */
static bool is_let_in(const struct exec *x)
{
    return x->in_exec || (x->block != NULL && x->block->ready != NULL);
}

bool command_is_effect(const struct exec *x)
{
    return x->command->run != NULL && (x->in_exec || x->in_script) &&
           !keyspace_is_read_only(x->keyspace);
}

/* Whether the keys that it looks at count as used (OBJECT IDLETIME, FREQ). */
static void note_use(struct exec *x, bool counts)
{
    if (x->keyspace == NULL)
        return; /* it looks at none */
    keyspace_note_use(x->keyspace,
                      settings_keep_frequency(x->settings) ? ACCESS_FREQUENCY : ACCESS_TIME,
                      counts);
}

void command_execute(struct exec *x)
{
    const struct command *c = x->command;
    CHECK(c != NULL);
    CHECK(command_arity_fits(c, x->arg_count));

    if (c->flags & CMD_NOT_YET) {
        char name[COMMAND_NAME_MAX];
        const struct bytes full = command_full_name(c, name);
        reply_errorf(x, "ERR '%.*s' is not supported yet by AvowDB", (int)full.size, name);
        return;
    }
    if (c->flags & CMD_LOCAL && !command_is_effect(x)) {
        x->host->local(x->host_context, x);
        return;
    }
    if (!is_let_in(x) && !x->in_script && command_is_out_of_memory(x)) {
        reply_error(x, "OOM command not allowed when used memory > 'maxmemory'.");
        return;
    }
    CHECK(c->run != NULL);
    if (x->client != NULL && x->host->begins != NULL)
        x->host->begins(x->host_context, x);
    note_use(x, (c->flags & CMD_NO_TOUCH) == 0);
    c->run(x);
    note_use(x, false);
}
