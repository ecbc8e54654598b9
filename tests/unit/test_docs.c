/* test_docs.c -- COMMAND DOCS: the grammar's forms, and the table of all commands' grammars. That
 * the facts are Redis's is compared by redis-tests/compare-docs. */

#include "test.h"

#include <string.h>

#include "command/docs.h"
#include "command/grammar.h"
#include "command_world.h"

static void check_text(struct bytes got, const char *want)
{
    assert_true(bytes_equal(got, bytes_from_string(want)));
}

static void every_form_is_read(void **state)
{
    (void)state;
    struct grammar g;
    assert_null(grammar_parse("key#0 [GET... by:pattern#1@2.0.0] ['ip:port'!2.8.12] n=* "
                              "data(a [b:integer...])@7.0.0... [mode(NX | LIMIT x:double | e=)]",
                              &g));
    const struct argument *a = g.arguments;
    assert_int_equal(g.count, 11);
    assert_int_equal(grammar_parts(&g, 0, 0), 6);
    check_text(a[0].name, "key");
    check_text(a[0].type, "key");
    assert_int_equal(a[0].key_spec, 0);
    assert_int_equal(a[0].flags, 0);
    assert_false(a[0].has_token);
    check_text(a[1].name, "by");
    check_text(a[1].token, "GET");
    check_text(a[1].type, "pattern");
    check_text(a[1].since, "2.0.0");
    assert_int_equal(a[1].key_spec, 1);
    assert_int_equal(a[1].flags, ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE | ARGUMENT_MULTIPLE_TOKEN);
    check_text(a[2].name, "ip:port");
    check_text(a[2].type, "string");
    check_text(a[2].deprecated_since, "2.8.12");
    check_text(a[3].name, "n");
    check_text(a[3].token, "*");
    check_text(a[3].type, "pure-token");
    check_text(a[4].type, "block");
    check_text(a[4].since, "7.0.0");
    assert_int_equal(a[4].flags, ARGUMENT_MULTIPLE);
    assert_int_equal(grammar_parts(&g, 5, 1), 2);
    assert_int_equal(a[6].flags, ARGUMENT_OPTIONAL | ARGUMENT_MULTIPLE);
    check_text(a[7].type, "oneof");
    assert_int_equal(grammar_parts(&g, 8, 1), 3);
    check_text(a[8].type, "pure-token");
    check_text(a[9].token, "LIMIT");
    check_text(a[9].type, "double");
    assert_true(a[10].has_token);
    assert_int_equal(a[10].token.size, 0);
    assert_null(grammar_parse("", &g));
    assert_int_equal(g.count, 0);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        " ", "a ", "a  b", "[a", "a]", "[a b]", "a(", "a(b", "a(b))", "a()", "a(b | c d)",
        "a(b c | d)", "a | b", "a#", "a#x", "a@", "a@x", "a!", "a...b", "NX... ", "GET...", "'a",
        "a:integer:integer", "#0", "(a)",
        "a(b(c(d(e(f(g(h(i(j)))))))))",
        "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a "
        "a a a a a a a a a a a a a a a a",
    };
    struct grammar g;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        if (grammar_parse(texts[i], &g) == NULL)
            fail_msg("read: '%s'", texts[i]);
}

/* Known types only, and key specs that the command has. */
static void check_arguments(const struct command *c, const struct grammar *g)
{
    static const char *const types[] = {"string", "integer", "double", "key", "pattern",
                                        "unix-time", "pure-token", "oneof", "block"};
    for (size_t i = 0; i < g->count; i++) {
        const struct argument *a = &g->arguments[i];
        bool known = false;
        for (size_t k = 0; k < ARRAY_COUNT(types); k++)
            known = known || bytes_equal(a->type, bytes_from_string(types[k]));
        if (!known)
            fail_msg("%s: type %.*s", c->name, (int)a->type.size, (const char *)a->type.data);
        assert_true(a->key_spec < KEY_SPECS_MAX);
        if (a->key_spec >= 0)
            assert_int_not_equal(c->keys[a->key_spec].flags, 0);
    }
}

static void each_row_is_of_a_command_and_can_be_read(void **state)
{
    (void)state;
    struct grammar g;
    for (const struct docs *d = docs_table; d->name != NULL; d++) {
        if (d > docs_table && strcmp(d[-1].name, d->name) >= 0)
            fail_msg("%s: not in order", d->name);
        const struct command *c = command_by_name(bytes_from_string(d->name));
        if (c == NULL)
            fail_msg("%s: no such command", d->name);
        assert_ptr_equal(docs_of(c), d);
        const char *wrong = grammar_parse(d->grammar, &g);
        if (wrong != NULL)
            fail_msg("%s: makes no sense from here on: %s", d->name, wrong);
        check_arguments(c, &g);
    }
}

/* Who takes arguments has a grammar, who takes none has none. Of COMMAND GETKEYS, whose arguments
 * are another command, Redis 7.0 tells none, so neither do we. */
static void check_row(const struct command *c)
{
    if (strncmp(c->name, "getkeys", 7) == 0)
        return;
    const struct docs *d = docs_of(c);
    const int names = command_container(c) == NULL ? 1 : 2;
    const bool told = d != NULL && d->grammar[0] != '\0';
    if (c->subcommands == NULL && c->arity != names && c->arity != -names && !told)
        fail_msg("%s: takes arguments of which nothing is told", c->name);
    if (c->arity == names && told)
        fail_msg("%s: takes no arguments", c->name);
}

static void each_command_with_arguments_has_a_row(void **state)
{
    (void)state;
    const struct command *c;
    for (uint32_t i = 0; (c = command_by_number(i)) != NULL; i++)
        check_row(c);
}

static void the_reply_is_nested(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 1 << 20);
    struct buf text = {0};
    world_escape(world_run_line(&w, "command docs getex"), &text);
    buf_append_u8(&text, '\0');
    const char *got = (const char *)buf_data(&text);
    assert_non_null(strstr(got, "$9\\r\\narguments\\r\\n*2\\r\\n*6\\r\\n$4\\r\\nname\\r\\n"
                                "$3\\r\\nkey\\r\\n$4\\r\\ntype\\r\\n$3\\r\\nkey\\r\\n"
                                "$14\\r\\nkey_spec_index"
                                "\\r\\n:0\\r\\n"));
    assert_non_null(strstr(got, "$4\\r\\nname\\r\\n$7\\r\\nseconds\\r\\n$4\\r\\ntype\\r\\n"
                                "$7\\r\\ninteger\\r\\n$5\\r\\ntoken\\r\\n$2\\r\\nEX\\r\\n"));
    assert_non_null(strstr(got, "$5\\r\\nflags\\r\\n*1\\r\\n+optional\\r\\n"));
    buf_clear(&text);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(each_row_is_of_a_command_and_can_be_read),
        cmocka_unit_test(each_command_with_arguments_has_a_row),
        cmocka_unit_test(the_reply_is_nested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
