/* test_config.c -- settings: the words of a line, rows and their limits, file and command line,
 * and that docs/CONFIG.md tells all of it. */

#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "command/settings.h"
#include "server/config.h"

/* --- words ------------------------------------------------------------------------------------ */

static void check_words(const char *line, const char *const *want)
{
    struct buf words = {0};
    size_t count = 0;
    const bool is_good = config_split(bytes_from_string(line), &words, &count);
    if (want == NULL) {
        assert_false(is_good);
        buf_clear(&words);
        return;
    }
    assert_true(is_good);
    struct reader r;
    reader_init(&r, buf_bytes(&words));
    size_t i = 0;
    for (; want[i] != NULL; i++) {
        assert_true(i < count);
        const uint32_t size = reader_le32(&r);
        const struct bytes word = reader_bytes(&r, size);
        assert_true(bytes_equal(word, bytes_from_string(want[i])));
    }
    assert_int_equal(count, i);
    buf_clear(&words);
}

/* Redis's sdssplitargs: the cases of its own comment and of its test. */
static void words_are_split_as_redis_does(void **state)
{
    (void)state;
    check_words("port 7001", (const char *[]){"port", "7001", NULL});
    check_words("  a\t b  ", (const char *[]){"a", "b", NULL});
    check_words("", (const char *[]){NULL});
    check_words("save \"\"", (const char *[]){"save", "", NULL});
    check_words("x \"a b\" 'c d'", (const char *[]){"x", "a b", "c d", NULL});
    check_words("x \"\\x41\\n\\t\\\"\\\\\"", (const char *[]){"x", "A\n\t\"\\", NULL});
    check_words("x 'it\\'s \\n'", (const char *[]){"x", "it's \\n", NULL});
    check_words("x \"open", NULL);
    check_words("x 'open", NULL);
    check_words("x \"a\"b", NULL);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void check_refused(const char *name, const char *value, const char *why)
{
    struct buf canonical = {0};
    struct error e = {0};
    const struct config_row *row = config_find(bytes_from_string(name));
    assert_non_null(row);
    assert_int_equal(config_check(row, bytes_from_string(value), &canonical, &e), STATUS_INVALID);
    assert_string_equal(e.text, why);
    buf_clear(&canonical);
}

/* The texts are those of redis-server 7.0.15. */
static void bad_values_are_refused_in_redis_words(void **state)
{
    (void)state;
    check_refused("maxclients", "zz", "argument couldn't be parsed into an integer");
    check_refused("maxclients", "0", "argument must be between 1 and 4294967295 inclusive");
    check_refused("timeout", "-1", "argument must be between 0 and 2147483647 inclusive");
    check_refused("protected-mode", "maybe", "argument must be 'yes' or 'no'");
    check_refused("repl-backlog-size", "1x", "argument must be a memory value");
    check_refused("maxmemory-clients", "101%",
                  "percentage argument must be less or equal to 100");
    check_refused("loglevel", "x", "argument(s) must be one of the following: debug, verbose, "
                                   "notice, warning");
    check_refused("save", "900", "Invalid save parameters");
    check_refused("client-output-buffer-limit", "normal 0 0",
                  "Wrong number of arguments in buffer limit configuration.");
    check_refused("client-output-buffer-limit", "nobody 0 0 0",
                  "Invalid client class specified in buffer limit configuration.");
    check_refused("lua-time-limit", "-1",
                  "argument must be between 0 and 9223372036854775807 inclusive");
}

static void set(struct config *c, const char *name, const char *value)
{
    struct buf canonical = {0};
    struct error e = {0};
    const struct config_row *row = config_find(bytes_from_string(name));
    assert_non_null(row);
    assert_int_equal(config_check(row, bytes_from_string(value), &canonical, &e), STATUS_OK);
    config_assign(c, row, buf_bytes(&canonical));
    buf_clear(&canonical);
}

static const char *get(const struct config *c, const char *name)
{
    return config_text(c, config_find(bytes_from_string(name)));
}

static void values_are_kept_in_canonical_form(void **state)
{
    (void)state;
    struct config c;
    config_init(&c);
    assert_int_equal(c.port, 6379);
    set(&c, "CACHE-SIZE", "1mb");
    assert_int_equal(c.cache_size, 1 << 20);
    assert_string_equal(get(&c, "cache-size"), "1048576");
    set(&c, "cache-size", "1m");
    assert_int_equal(c.cache_size, 1000000);
    set(&c, "protected-mode", "NO");
    assert_false(c.protected_mode);
    set(&c, "slave-priority", "7"); /* an alias: one value under two names */
    assert_string_equal(get(&c, "replica-priority"), "7");
    set(&c, "client-output-buffer-limit", "pubsub 1mb 512kb 5");
    assert_string_equal(get(&c, "client-output-buffer-limit"),
                        "normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 524288 5");
    assert_int_equal(c.output_limits[CLIENT_PUBSUB].soft_bytes, 524288);
    config_clear(&c);
}

/* --- file and command line -------------------------------------------------------------------- */

static void write_file(char path[static 32], const char *text)
{
    strcpy(path, "/tmp/avow-config-XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static enum status read_all(struct config *c, struct error *e, int argc, const char *const *argv)
{
    config_init(c);
    enum status status = config_read_arguments(c, argc, (char **)argv, e);
    return status == STATUS_OK ? config_finish(c, e) : status;
}

static void the_command_line_wins_over_the_file(void **state)
{
    (void)state;
    char path[32];
    write_file(path, "# a comment\n\nport 7001\n  bind 127.0.0.1 -::1\r\nlogfile \"/x y\"\n"
                     "requirepass secret\nmaxclients 5");
    struct config c;
    struct error e = {0};
    const char *argv[] = {path, "--port", "7002", "--cluster-init", "--maxclients", "7"};
    assert_int_equal(read_all(&c, &e, 6, argv), STATUS_OK);
    assert_int_equal(c.port, 7002);
    assert_int_equal(c.peer_port, 17002);
    assert_int_equal(c.maxclients, 7);
    assert_true(c.cluster_init);
    assert_string_equal(c.bind, "127.0.0.1 -::1");
    assert_string_equal(c.logfile, "/x y");
    assert_int_equal(c.initial_count, 1); /* replicated: for a new cluster */
    assert_string_equal(c.initial[0].name, "requirepass");
    assert_string_equal(c.initial[0].value, "secret");
    config_clear(&c);
    unlink(path);
}

static void check_file_error(const char *text, const char *behind_path)
{
    char path[32];
    write_file(path, text);
    struct config c;
    struct error e = {0};
    assert_int_not_equal(read_all(&c, &e, 1, (const char *[]){path}), STATUS_OK);
    assert_int_equal(strncmp(e.text, path, strlen(path)), 0);
    assert_string_equal(e.text + strlen(path), behind_path);
    config_clear(&c);
    unlink(path);
}

static void errors_name_line_and_directive(void **state)
{
    (void)state;
    check_file_error("port 1\nmaxclient 5\n", ":2: unknown directive 'maxclient'");
    check_file_error("port\n", ":1: wrong number of values for 'port'");
    check_file_error("port 1 2\n", ":1: wrong number of values for 'port'");
    check_file_error("\n\nport x\n",
                     ":3: 'port': argument couldn't be parsed into an integer");
    check_file_error("dir \"x\n", ":1: unbalanced quotes");
    check_file_error("maxmemory lots\n", ":1: 'maxmemory': argument must be a memory value");
}

static void check_argument_error(int argc, const char *const *argv, const char *text)
{
    struct config c;
    struct error e = {0};
    assert_int_not_equal(read_all(&c, &e, argc, argv), STATUS_OK);
    assert_non_null(strstr(e.text, text));
    config_clear(&c);
}

static void settings_that_cannot_be_are_refused(void **state)
{
    (void)state;
    check_argument_error(1, (const char *[]){"/nonexistent/avow.conf"}, "cannot open");
    check_argument_error(2, (const char *[]){"--prot", "1"}, "unknown directive 'prot'");
    check_argument_error(2, (const char *[]){"--daemonize", "yes"}, "not supported");
    check_argument_error(4, (const char *[]){"--port", "5", "--peer-port", "5"}, "both 5");
    check_argument_error(2, (const char *[]){"--port", "60000"}, "set peer-port");
    check_argument_error(2, (const char *[]){"--heartbeat-ticks", "20"}, "election-ticks");
    check_argument_error(4, (const char *[]){"--cluster-secret", "a", "--cluster-secret-file", "b"},
                         "not both");
}

/* What was not touched stays as it was written; what changed is replaced; the rest is appended. */
static void rewrite_keeps_comments_and_order(void **state)
{
    (void)state;
    char path[32];
    write_file(path, "# mine\nport 7001\ntimeout 3\ntimeout 4\nrequirepass x\n");
    struct config c;
    struct error e = {0};
    assert_int_equal(read_all(&c, &e, 1, (const char *[]){path}), STATUS_OK);
    set(&c, "timeout", "9");
    set(&c, "proc-title-template", "a \"b\"");
    assert_int_equal(config_rewrite(&c, &e), STATUS_OK);
    config_clear(&c);

    char text[256] = "";
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    assert_string_equal(text, "# mine\nport 7001\ntimeout 9\nrequirepass x\n"
                              "proc-title-template \"a \\\"b\\\"\"\n");
    assert_int_equal(read_all(&c, &e, 1, (const char *[]){path}), STATUS_OK);
    assert_string_equal(get(&c, "proc-title-template"), "a \"b\"");
    config_clear(&c);
    unlink(path);
}

/* The log store's folder is DIR/log: a log file there was refused by RocksDB in riddles. */
static void a_log_file_may_not_lie_where_the_node_keeps_its_data(void **state)
{
    (void)state;
    struct config c;
    struct error e = {0};
    char dir[] = "/tmp/avow-config-XXXXXX", path[64], roundabout[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/log", dir);
    snprintf(roundabout, sizeof(roundabout), "%s/../%s/log", dir, strrchr(dir, '/') + 1);
    const char *const refused[][2] = {{"--logfile", path},
                                      {"--logfile", roundabout},
                                      {"--pidfile", path}};
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        const char *const words[] = {"--dir", dir, refused[i][0], refused[i][1]};
        assert_int_equal(read_all(&c, &e, 4, words), STATUS_INVALID);
        assert_non_null(strstr(e.text, refused[i][0] + 2));
        assert_non_null(strstr(e.text, "the node keeps its own data under 'log' in dir"));
        config_clear(&c);
    }
    snprintf(path, sizeof(path), "%s/avow.log", dir);
    assert_int_equal(read_all(&c, &e, 4, (const char *[]){"--dir", dir, "--logfile", path}),
                     STATUS_OK);
    config_clear(&c);
    assert_int_equal(read_all(&c, &e, 4, (const char *[]){"--dir", dir, "--logfile", "/x/log"}),
                     STATUS_OK);
    config_clear(&c);
    assert_int_equal(read_all(&c, &e, 2, (const char *[]){"--logfile", "log"}), STATUS_INVALID);
    config_clear(&c);
    rmdir(dir);
}

/* --- docs/CONFIG.md, of which avow.conf(5) is made -------------------------------------------- */

struct page {
    char *text;
    char section[64]; /* the last "## heading" seen */
    char *line, *rest;
};

static void page_open(struct page *p)
{
    char path[512];
    const char *srcdir = getenv("srcdir");
    snprintf(path, sizeof(path), "%s/docs/CONFIG.md", srcdir == NULL ? "." : srcdir);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    *p = (struct page){.text = calloc(1, 1 << 16)};
    assert_in_range(fread(p->text, 1, (1 << 16) - 1, f), 1, (1 << 16) - 2);
    fclose(f);
    p->rest = p->text;
}

static bool page_line(struct page *p)
{
    p->line = strsep(&p->rest, "\n");
    if (p->line != NULL && strncmp(p->line, "## ", 3) == 0)
        snprintf(p->section, sizeof(p->section), "%s", p->line + 3);
    return p->line != NULL;
}

/* The next "| name | default | meaning |" below "## section"; a star behind the name is kept. */
static bool page_row(struct page *p, const char *section, char **name, char **value)
{
    while (page_line(p)) {
        if (strcmp(p->section, section) != 0 || strncmp(p->line, "| ", 2) != 0 ||
            strncmp(p->line, "| directive ", 12) == 0)
            continue;
        *name = p->line + 2;
        char *end = strstr(*name, " | ");
        assert_non_null(end);
        *end = '\0';
        *value = end + 3;
        end = strstr(*value, " | ");
        assert_non_null(end);
        *end = '\0';
        if (**value == '`') {
            (*value)++;
            end[-1] = '\0';
        }
        if (strcmp(*value, "none") == 0)
            *value = end;
        return true;
    }
    free(p->text);
    return false;
}

static void the_page_lists_every_local_directive(void **state)
{
    (void)state;
    bool seen[CONFIG_ROWS_MAX] = {false};
    struct page p;
    char *name, *value;
    page_open(&p);
    while (page_row(&p, "Local directives", &name, &value)) {
        char *star = strchr(name, '*');
        if (star != NULL)
            *star = '\0';
        const struct config_row *row = config_find(bytes_from_string(name));
        if (row == NULL || row->flags & (CONFIG_ALIAS | CONFIG_REMEMBERED))
            fail_msg("CONFIG.md has a row '%s', which is no local directive", name);
        seen[config_row_number(row)] = true;
        const bool may_be_set = (row->flags & (CONFIG_FIXED | CONFIG_PROTECTED)) == 0;
        if (may_be_set != (star != NULL))
            fail_msg("CONFIG.md: '%s' %s by CONFIG SET", name,
                     may_be_set ? "can be changed" : "cannot be changed");
        struct buf canonical = {0};
        struct error e = {0};
        if (config_check(row, bytes_from_string(value), &canonical, &e) != STATUS_OK ||
            !bytes_equal(buf_bytes(&canonical), bytes_from_string(row->text)))
            fail_msg("CONFIG.md: the default of '%s' is '%s', not '%s'", name, row->text, value);
        buf_clear(&canonical);
    }
    const struct config_row *row;
    for (size_t n = 0; (row = config_row_at(n)) != NULL; n++)
        if (!seen[n] && !(row->flags & (CONFIG_ALIAS | CONFIG_REMEMBERED)))
            fail_msg("CONFIG.md lacks the local directive '%s'", row->name);
}

static bool setting_value_is(const struct setting *setting, const char *a, const char *b)
{
    struct settings parsed;
    struct buf printed[2] = {{0}, {0}};
    const char *const texts[] = {a, b};
    bool is_good = true;
    for (int i = 0; i < 2 && is_good; i++) {
        void *field = (char *)&parsed + setting->field;
        settings_init(&parsed);
        is_good = setting->parse(bytes_from_string(texts[i]), field);
        if (is_good)
            setting->print(field, &printed[i]);
    }
    is_good = is_good && bytes_equal(buf_bytes(&printed[0]), buf_bytes(&printed[1]));
    buf_clear(&printed[0]);
    buf_clear(&printed[1]);
    return is_good;
}

static void the_page_lists_every_replicated_directive(void **state)
{
    (void)state;
    size_t listed = 0, count = 0;
    struct page p;
    char *name, *value;
    page_open(&p);
    while (page_row(&p, "Replicated directives", &name, &value)) {
        const struct setting *setting = setting_find(bytes_from_string(name));
        if (setting == NULL || strcmp(setting->name, name) != 0)
            fail_msg("CONFIG.md has a row '%s', which is no replicated directive", name);
        else if (!setting_value_is(setting, setting->default_value, value))
            fail_msg("CONFIG.md: the default of '%s' is '%s', not '%s'", name,
                     setting->default_value, value);
        listed++;
    }
    while (setting_at(count) != NULL)
        count++;
    assert_int_equal(listed, count);
}

static void the_page_lists_every_remembered_directive(void **state)
{
    (void)state;
    size_t listed = 0, count = 0;
    struct page p;
    page_open(&p);
    while (page_line(&p)) {
        if (strcmp(p.section, "Remembered directives") != 0 || strchr(p.line, '`') != NULL ||
            strchr(p.line, '-') == NULL) /* the list is the lines that are names and commas */
            continue;
        for (char *name; (name = strsep(&p.line, ", .")) != NULL;) {
            if (*name == '\0')
                continue;
            const struct config_row *row = config_find(bytes_from_string(name));
            if (row == NULL || !(row->flags & CONFIG_REMEMBERED))
                fail_msg("CONFIG.md lists '%s', which is no remembered directive", name);
            listed++;
        }
    }
    free(p.text);
    const struct config_row *row;
    for (size_t n = 0; (row = config_row_at(n)) != NULL; n++)
        count += (row->flags & CONFIG_REMEMBERED) != 0;
    assert_int_equal(listed, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_split_as_redis_does),
        cmocka_unit_test(bad_values_are_refused_in_redis_words),
        cmocka_unit_test(values_are_kept_in_canonical_form),
        cmocka_unit_test(the_command_line_wins_over_the_file),
        cmocka_unit_test(errors_name_line_and_directive),
        cmocka_unit_test(settings_that_cannot_be_are_refused),
        cmocka_unit_test(rewrite_keeps_comments_and_order),
        cmocka_unit_test(a_log_file_may_not_lie_where_the_node_keeps_its_data),
        cmocka_unit_test(the_page_lists_every_local_directive),
        cmocka_unit_test(the_page_lists_every_replicated_directive),
        cmocka_unit_test(the_page_lists_every_remembered_directive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
