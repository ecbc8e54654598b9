/* config_file.c -- settings from a file in redis.conf's syntax and from the command line, and back
 * into the file (CONFIG REWRITE). */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/panic.h"
#include "command/settings.h"
#include "server/config.h"

#define FILE_MAX ((size_t)1 << 20) /* bytes of a configuration file */

/* --- words of a line -------------------------------------------------------------------------- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (uint8_t)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One escape behind a backslash at text[*i] within "...": appends what it stands for. */
static void unescape(struct bytes line, size_t *i, struct buf *word)
{
    const uint8_t *text = bytes_data(line);
    if (*i + 3 < line.size && text[*i + 1] == 'x' && hex_digit(text[*i + 2]) >= 0 &&
        hex_digit(text[*i + 3]) >= 0) {
        buf_append_u8(word, (uint8_t)(hex_digit(text[*i + 2]) * 16 + hex_digit(text[*i + 3])));
        *i += 4;
        return;
    }
    uint8_t c = text[*i + 1];
    switch (c) {
    case 'n': c = '\n'; break;
    case 'r': c = '\r'; break;
    case 't': c = '\t'; break;
    case 'b': c = '\b'; break;
    case 'a': c = '\a'; break;
    default: break;
    }
    buf_append_u8(word, c);
    *i += 2;
}

/* Reads one word from *i on; false: quotes do not match. */
static bool split_word(struct bytes line, size_t *i, struct buf *word)
{
    const uint8_t *text = bytes_data(line);
    uint8_t quote = 0;
    while (*i < line.size) {
        const uint8_t c = text[*i];
        if (quote == 0) {
            if (is_blank(c) || c == '\0')
                return true;
            (*i)++;
            if (c == '"' || c == '\'')
                quote = c;
            else
                buf_append_u8(word, c);
        } else if (c == quote) {
            (*i)++;
            return *i == line.size || is_blank(text[*i]); /* a blank must follow */
        } else if (c == '\\' && quote == '"' && *i + 1 < line.size) {
            unescape(line, i, word);
        } else if (c == '\\' && quote == '\'' && *i + 1 < line.size && text[*i + 1] == '\'') {
            buf_append_u8(word, '\'');
            *i += 2;
        } else {
            buf_append_u8(word, c);
            (*i)++;
        }
    }
    return quote == 0;
}

bool config_split(struct bytes line, struct buf *words, size_t *count)
{
    struct buf word = {0};
    bool is_good = true;
    *count = 0;
    for (size_t i = 0; is_good;) {
        while (i < line.size && is_blank(bytes_data(line)[i]))
            i++;
        if (i == line.size)
            break;
        buf_reset(&word);
        is_good = split_word(line, &i, &word);
        buf_append_le32(words, (uint32_t)word.size);
        buf_append_bytes(words, buf_bytes(&word));
        (*count)++;
    }
    buf_clear(&word);
    return is_good;
}

/* --- directives ------------------------------------------------------------------------------- */

static void join(const struct bytes *words, size_t count, struct buf *to)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append_u8(to, ' ');
        buf_append_bytes(to, words[i]);
    }
}

static char *string_of(struct bytes b)
{
    char *text = xmalloc(b.size + 1);
    if (b.size > 0)
        memcpy(text, b.data, b.size);
    text[b.size] = '\0';
    return text;
}

static enum status add_initial(struct config *c, const struct setting *setting, struct bytes value,
                               struct error *e)
{
    struct settings parsed;
    settings_init(&parsed);
    if (!setting->parse(value, (char *)&parsed + setting->field))
        return fail(e, STATUS_INVALID, "'%s': %s", setting->name, setting_refusal(setting, value));
    c->initial = xrealloc(c->initial, (c->initial_count + 1) * sizeof(*c->initial));
    c->initial[c->initial_count++] =
        (struct config_initial){xstrdup(setting->name), string_of(value)};
    return STATUS_OK;
}

static enum status apply(struct config *c, const struct bytes *words, size_t count, struct error *e)
{
    const struct setting *setting = setting_find(words[0]);
    const struct config_row *row = config_find(words[0]);
    if (setting == NULL && row == NULL)
        return fail(e, STATUS_INVALID, "unknown directive '%.*s'", (int)MIN(words[0].size, 64),
                    (const char *)words[0].data);
    const bool takes_words = setting == NULL && row->flags & CONFIG_WORDS;
    if (count < 2 || (count > 2 && !takes_words))
        return fail(e, STATUS_INVALID, "wrong number of values for '%.*s'",
                    (int)MIN(words[0].size, 64), (const char *)words[0].data);
    if (setting != NULL)
        return add_initial(c, setting, words[1], e);
    struct buf value = {0}, canonical = {0};
    struct error why = {0};
    join(words + 1, count - 1, &value);
    enum status status = config_check(row, buf_bytes(&value), &canonical, &why);
    if (status == STATUS_OK)
        config_assign(c, row, buf_bytes(&canonical));
    else
        fail(e, status, "'%s': %s", row->name, why.text);
    buf_clear(&value);
    buf_clear(&canonical);
    return status;
}

enum status config_directive(struct config *c, const struct bytes *words, size_t count,
                             const char *where, struct error *e)
{
    CHECK(count > 0);
    struct error why = {0};
    const enum status status = apply(c, words, count, &why);
    if (status == STATUS_OK)
        return STATUS_OK;
    return fail(e, status, "%s: %s", where, why.text);
}

/* The bytes of a list that config_split() made, as slices. */
static size_t slices(struct bytes words, struct bytes *to, size_t max)
{
    struct reader r;
    reader_init(&r, words);
    size_t count = 0;
    while (reader_left(&r) > 0 && count < max) {
        const uint32_t size = reader_le32(&r);
        to[count++] = reader_bytes(&r, size);
    }
    CHECK(!r.failed);
    return count;
}

static enum status read_line(struct config *c, struct bytes line, const char *where,
                             struct error *e)
{
    if (line.size == 0 || *bytes_data(line) == '#')
        return STATUS_OK;
    struct buf words = {0};
    struct bytes word[CONFIG_WORDS_MAX];
    size_t count;
    enum status status = STATUS_OK;
    if (!config_split(line, &words, &count))
        status = fail(e, STATUS_INVALID, "%s: unbalanced quotes", where);
    else if (count > CONFIG_WORDS_MAX)
        status = fail(e, STATUS_INVALID, "%s: more than %d words", where, CONFIG_WORDS_MAX);
    else if (count > 0 && *(const char *)bytes_data(line) != '#')
        status = config_directive(c, word, slices(buf_bytes(&words), word, CONFIG_WORDS_MAX),
                                  where, e);
    buf_clear(&words);
    return status;
}

static struct bytes trimmed(struct bytes line)
{
    while (line.size > 0 && is_blank(*bytes_data(line)))
        line = bytes_from(line, 1);
    while (line.size > 0 && is_blank(bytes_data(line)[line.size - 1]))
        line.size--;
    return line;
}

/* Cuts the first line off *rest, without its end; false when nothing is left. */
static bool cut_line(struct bytes *rest, struct bytes *line)
{
    if (rest->size == 0)
        return false;
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    const size_t size = end == NULL ? rest->size : (size_t)(end - bytes_data(*rest));
    *line = bytes_of(rest->data, size);
    *rest = bytes_from(*rest, end == NULL ? size : size + 1);
    return true;
}

static enum status slurp(const char *path, struct buf *to, struct error *e)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return fail(e, STATUS_IO, "cannot open %s: %s", path, strerror(errno));
    size_t got;
    do {
        got = fread(buf_reserve(to, 4096), 1, 4096, f);
        buf_commit(to, got);
    } while (got > 0 && to->size <= FILE_MAX);
    const bool is_bad = ferror(f) != 0;
    fclose(f);
    if (is_bad)
        return fail(e, STATUS_IO, "cannot read %s: %s", path, strerror(errno));
    if (to->size > FILE_MAX)
        return fail(e, STATUS_INVALID, "%s is larger than %zu bytes", path, FILE_MAX);
    return STATUS_OK;
}

enum status config_read_file(struct config *c, const char *path, struct error *e)
{
    struct buf content = {0};
    enum status status = slurp(path, &content, e);
    if (status == STATUS_OK) {
        free(c->file);
        c->file = realpath(path, NULL);
        struct bytes rest = buf_bytes(&content), line;
        char where[256];
        for (int number = 1; status == STATUS_OK && cut_line(&rest, &line); number++) {
            snprintf(where, sizeof(where), "%s:%d", path, number);
            status = line.size > CONFIG_LINE_MAX
                         ? fail(e, STATUS_INVALID, "%s: line is longer than %d bytes", where,
                                CONFIG_LINE_MAX)
                         : read_line(c, trimmed(line), where, e);
        }
    }
    buf_clear(&content);
    return status;
}

/* --- command line ----------------------------------------------------------------------------- */

enum status config_read_arguments(struct config *c, int argc, char **argv, struct error *e)
{
    int i = 0;
    if (argc > 0 && strncmp(argv[0], "--", 2) != 0) {
        if (config_read_file(c, argv[0], e) != STATUS_OK)
            return e == NULL ? STATUS_INVALID : e->status;
        i = 1;
    }
    while (i < argc) {
        struct bytes word[CONFIG_WORDS_MAX];
        size_t count = 0;
        if (strncmp(argv[i], "--", 2) != 0)
            return fail(e, STATUS_INVALID,
                        "'%s': a directive on the command line begins with --", argv[i]);
        const char *where = argv[i];
        word[count++] = bytes_from_string(argv[i++] + 2);
        for (; i < argc && strncmp(argv[i], "--", 2) != 0 && count < CONFIG_WORDS_MAX; i++)
            word[count++] = bytes_from_string(argv[i]);
        const struct config_row *row = config_find(word[0]);
        if (count == 1 && row != NULL && row->kind == CONFIG_BOOL) /* --cluster-init alone */
            word[count++] = BYTES("yes");
        if (config_directive(c, word, count, where, e) != STATUS_OK)
            return e == NULL ? STATUS_INVALID : e->status;
    }
    return STATUS_OK;
}

/* path lies directly in dir, by the folders themselves when both are there, else by their names. */
static bool lies_in(const char *path, const char *dir, const char **name)
{
    const char *slash = strrchr(path, '/');
    *name = slash == NULL ? path : slash + 1;
    char *parent = xstrdup(slash == NULL ? "." : path);
    if (slash != NULL)
        parent[slash == path ? 1 : slash - path] = '\0';
    struct stat a, b;
    const bool is_same = stat(parent, &a) == 0 && stat(dir, &b) == 0
                             ? a.st_dev == b.st_dev && a.st_ino == b.st_ino
                             : strcmp(parent, dir) == 0;
    free(parent);
    return is_same;
}

/* A log or pid file may lie in the node's directory, but not under a name that the node takes. */
static enum status check_file_is_free(const char *directive, const char *path, const char *dir,
                                      struct error *e)
{
    static const char *const taken[] = {"log", "log.mark", "state", "secret", "LOCK"};
    const char *name;
    if (*path == '\0' || !lies_in(path, dir, &name))
        return STATUS_OK;
    for (size_t i = 0; i < ARRAY_COUNT(taken); i++)
        if (strcmp(name, taken[i]) == 0)
            return fail(e, STATUS_INVALID, "%s %s: the node keeps its own data under '%s' in dir "
                                           "(%s); choose another name, such as avow.%s",
                        directive, path, name, dir,
                        strcmp(directive, "pidfile") == 0 ? "pid" : "log");
    return STATUS_OK;
}

enum status config_finish(struct config *c, struct error *e)
{
    if (c->daemonize)
        return fail(e, STATUS_INVALID, "daemonize yes is not supported: let your service manager "
                                       "or a shell run avow-server in the background");
    if (c->peer_port == 0) {
        if (c->port + 10000 > 65535)
            return fail(e, STATUS_INVALID, "port %d leaves no room for the peer port 10000 above "
                                           "it: set peer-port", (int)c->port);
        c->peer_port = c->port + 10000;
    }
    if (c->peer_port == c->port)
        return fail(e, STATUS_INVALID, "port and peer-port are both %d", (int)c->port);
    if (c->http_port != 0 && (c->http_port == c->port || c->http_port == c->peer_port))
        return fail(e, STATUS_INVALID, "http-port %d is the port of clients or of other nodes",
                    (int)c->http_port);
    if (c->heartbeat_ticks >= c->election_ticks)
        return fail(e, STATUS_INVALID, "heartbeat-ticks (%d) must be less than election-ticks (%d)",
                    (int)c->heartbeat_ticks, (int)c->election_ticks);
    if (*c->cluster_secret != '\0' && *c->cluster_secret_file != '\0')
        return fail(e, STATUS_INVALID, "set cluster-secret or cluster-secret-file, not both");
    enum status status = check_file_is_free("logfile", c->logfile, c->dir, e);
    if (status == STATUS_OK)
        status = check_file_is_free("pidfile", c->pidfile, c->dir, e);
    if (status == STATUS_OK)
        status = check_file_is_free("raft-trace", c->raft_trace, c->dir, e);
    if (status == STATUS_OK)
        status = check_file_is_free("archive-dir", c->archive_dir, c->dir, e);
    return status;
}

/* --- CONFIG REWRITE --------------------------------------------------------------------------- */

/* value as a line of the file shows it: quoted when it has to be. */
static void append_quoted(struct buf *to, const char *value)
{
    bool is_plain = *value != '\0';
    for (const char *p = value; *p != '\0'; p++)
        if (!((*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') ||
              strchr("-_./:*+,%@", *p) != NULL))
            is_plain = false;
    if (is_plain) {
        buf_append_string(to, value);
        return;
    }
    buf_append_u8(to, '"');
    for (const char *p = value; *p != '\0'; p++) {
        const unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            buf_printf(to, "\\%c", c);
        else if (c < ' ' || c >= 0x7f)
            buf_printf(to, "\\x%02x", c);
        else
            buf_append_u8(to, c);
    }
    buf_append_u8(to, '"');
}

static void append_row(struct buf *to, const struct config *c, const struct config_row *row)
{
    const char *text = config_text(c, row);
    buf_printf(to, "%s ", row->name);
    if (row->flags & CONFIG_WORDS && *text != '\0')
        buf_append_string(to, text);
    else
        append_quoted(to, text);
    buf_append_u8(to, '\n');
}

/* The row that a line of the file sets; NULL: comment, blank, or a replicated setting. */
static const struct config_row *row_of_line(struct bytes line)
{
    struct buf words = {0};
    struct bytes word[1];
    size_t count;
    const struct config_row *row = NULL;
    line = trimmed(line);
    if (line.size > 0 && *bytes_data(line) != '#' && config_split(line, &words, &count) &&
        count > 0 && slices(buf_bytes(&words), word, 1) == 1 && setting_find(word[0]) == NULL)
        row = config_find(word[0]);
    buf_clear(&words);
    return row == NULL ? NULL : config_row_at(config_row_number(row));
}

static bool is_default(const struct config *c, const struct config_row *row)
{
    struct buf canonical = {0};
    struct error e;
    const bool equal =
        config_check(row, bytes_from_string(row->text), &canonical, &e) == STATUS_OK &&
        bytes_equal(buf_bytes(&canonical), bytes_from_string(config_text(c, row)));
    buf_clear(&canonical);
    return equal;
}

static void rewrite_lines(const struct config *c, struct bytes old, struct buf *to)
{
    bool is_written[CONFIG_ROWS_MAX] = {false};
    struct bytes line;
    while (cut_line(&old, &line)) {
        const struct config_row *row = row_of_line(line);
        if (row == NULL) {
            buf_append_bytes(to, line);
            buf_append_u8(to, '\n');
        } else if (!is_written[config_row_number(row)]) {
            append_row(to, c, row);
            is_written[config_row_number(row)] = true;
        }
    }
    for (size_t i = 0; config_row_at(i) != NULL; i++) {
        const struct config_row *row = config_row_at(i);
        const bool is_own = !(row->flags & CONFIG_ALIAS) && strcmp(row->name, "peer-port") != 0;
        if (is_own && !is_written[i] && !is_default(c, row))
            append_row(to, c, row);
    }
}

static enum status replace_file(const char *path, struct bytes content, struct error *e)
{
    char temp[4096];
    if (snprintf(temp, sizeof(temp), "%s.rewrite", path) >= (int)sizeof(temp))
        return fail(e, STATUS_INVALID, "path too long: %s", path);
    FILE *f = fopen(temp, "we");
    if (f == NULL)
        return fail(e, STATUS_IO, "%s: %s", temp, strerror(errno));
    bool is_good = fwrite(content.data, 1, content.size, f) == content.size;
    is_good = fflush(f) == 0 && is_good;
    is_good = fsync(fileno(f)) == 0 && is_good;
    is_good = fclose(f) == 0 && is_good;
    if (is_good && rename(temp, path) == 0)
        return STATUS_OK;
    const int why = errno;
    unlink(temp);
    return fail(e, STATUS_IO, "%s: %s", path, strerror(why));
}

enum status config_rewrite(const struct config *c, struct error *e)
{
    if (c->file == NULL)
        return fail(e, STATUS_INVALID, "The server is running without a config file");
    struct buf old = {0}, new = {0};
    enum status status = slurp(c->file, &old, e);
    if (status == STATUS_OK) {
        rewrite_lines(c, buf_bytes(&old), &new);
        status = replace_file(c->file, buf_bytes(&new), e);
    }
    buf_clear(&old);
    buf_clear(&new);
    return status;
}
