#include "server/secrets.h"

#include "base/sha256.h"
#include "server/server.h"

/* Whether args[i] is one of count words behind word. */
static bool follows(const struct bytes *args, uint32_t i, const char *word, uint32_t count)
{
    for (uint32_t n = 1; n <= count && n < i; n++)
        if (bytes_equal_nocase_string(args[i - n], word))
            return true;
    return false;
}

static bool is_secret(const char *name, const struct bytes *args, uint32_t i)
{
    if (strcmp(name, "config|set") == 0)
        return i > 2 && (follows(args, i, "requirepass", 1) || follows(args, i, "masterauth", 1));
    if (strcmp(name, "hello") == 0)
        return follows(args, i, "auth", 2);
    if (strcmp(name, "migrate") == 0)
        return i > 6 && (follows(args, i, "auth", 1) || follows(args, i, "auth2", 2));
    return i > (strcmp(name, "acl|setuser") == 0 ? 1 : 0);
}

const struct bytes *secrets_hidden(struct server *s, const struct command_info *info,
                                   const struct bytes *args, uint32_t count)
{
    if (!info->has_secret)
        return args;
    struct bytes *shown = arena_alloc(&s->arena, count * sizeof(*shown));
    for (uint32_t i = 0; i < count; i++)
        shown[i] = is_secret(info->name, args, i) ? BYTES("(redacted)") : args[i];
    return shown;
}

const struct bytes *secrets_hashed(struct arena *arena, const struct bytes *args,
                                   uint32_t arg_count)
{
    struct bytes *hashed = arena_alloc(arena, arg_count * sizeof(*hashed));
    for (uint32_t i = 0; i < arg_count; i++) {
        const uint8_t kind = i > 2 && args[i].size > 0 ? *bytes_data(args[i]) : 0;
        hashed[i] = args[i];
        if (kind != '>' && kind != '<')
            continue;
        char *rule = arena_alloc(arena, 1 + SHA256_HEX_SIZE + 1);
        rule[0] = kind == '>' ? '#' : '!';
        sha256_hex(bytes_from(args[i], 1), rule + 1);
        hashed[i] = bytes_of(rule, 1 + SHA256_HEX_SIZE);
    }
    return hashed;
}
