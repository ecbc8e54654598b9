/* test_acl.c -- users: rows that say what the rules came to, the table that follows the rows. */

#include "test.h"

#include <stdio.h>

#include "base/prng.h"
#include "command/acl_user.h"
#include "command_world.h"
#include "keyspace/cache.h"
#include "keyspace/keyspace.h"

static const char *const some_rules[] = {
    "on", "off", "nopass", ">one", ">two", "<one", "resetpass", "reset", "skip-sanitize-payload",
    "sanitize-payload", "~a*", "%R~b*", "%W~b*", "~*", "%RW~*", "allkeys", "resetkeys", "&c*", "&*",
    "resetchannels", "+get", "-get", "+@all", "-@all", "+@read", "-@read", "+@write", "-@dangerous",
    "+config", "-config|set", "+config|get", "+select|0", "+select|1", "-select", "+@connection",
    "-@connection", "(+get ~x)", "(~y +@all -debug)", "(+select|3)", "clearselectors",
};

static struct bytes some_rule(struct prng *p)
{
    return bytes_from_string(some_rules[prng_below(p, ARRAY_COUNT(some_rules))]);
}

static void apply_some(struct acl_user *u, struct prng *p)
{
    struct buf error = {0};
    const struct bytes rule = some_rule(p);
    acl_user_apply(u, &rule, 1, false, &error); /* one that is refused changes nothing */
    buf_clear(&error);
}

static void rows_say_what_the_rules_came_to(void **state)
{
    (void)state;
    struct prng p;
    prng_seed(&p, 1);
    struct acl_user *u = acl_user_new(BYTES("u"), false);
    for (int step = 0; step < 2000; step++) {
        struct buf row = {0}, again = {0}, words = {0}, words_again = {0};
        apply_some(u, &p);
        acl_user_encode(u, &row);
        struct acl_user *copy = acl_user_decode(BYTES("u"), buf_bytes(&row));
        assert_non_null(copy);
        acl_user_encode(copy, &again);
        assert_true(bytes_equal(buf_bytes(&row), buf_bytes(&again)));
        acl_user_describe(u, &words);
        acl_user_describe(copy, &words_again);
        assert_true(bytes_equal(buf_bytes(&words), buf_bytes(&words_again)));
        acl_user_free(u);
        u = copy; /* as apply does: the next rules go on from the row */
        buf_clear(&row);
        buf_clear(&again);
        buf_clear(&words);
        buf_clear(&words_again);
    }
    acl_user_free(u);
}

/* However often rules are changed: one of each command, category and first argument. */
static void a_row_does_not_grow_with_changes(void **state)
{
    (void)state;
    struct acl_user *u = acl_user_new(BYTES("u"), false);
    struct buf error = {0}, row = {0};
    for (int i = 0; i < 1000; i++) {
        const struct bytes rules[] = {BYTES("+get"), BYTES("-get"), BYTES("+@read"),
                                      BYTES("-@read"), BYTES("+select|0"), BYTES("-@connection"),
                                      BYTES("+config|get"), BYTES("-config")};
        assert_true(acl_user_apply(u, rules, ARRAY_COUNT(rules), false, &error));
    }
    acl_user_encode(u, &row);
    assert_true(row.size < 100);
    buf_clear(&row);
    acl_user_free(u);
}

static void a_row_of_any_bytes_is_survived(void **state)
{
    (void)state;
    struct prng p;
    prng_seed(&p, 2);
    struct acl_user *u = acl_user_new(BYTES("u"), false);
    for (int step = 0; step < 20000; step++) {
        struct buf row = {0};
        if (step % 50 == 0)
            apply_some(u, &p);
        acl_user_encode(u, &row);
        buf_data(&row)[prng_below(&p, row.size)] ^= (uint8_t)(1u << prng_below(&p, 8));
        buf_truncate(&row, 1 + prng_below(&p, row.size));
        acl_user_free(acl_user_decode(BYTES("u"), buf_bytes(&row)));
        buf_clear(&row);
    }
    acl_user_free(u);
}

static bool may(struct world *w, const struct acl_user *u, const char *line,
                struct acl_denial *denial)
{
    struct bytes args[WORLD_ARGS_MAX];
    const uint32_t count = world_split(line, &w->arena, args);
    const struct exec x = {.command = command_find(args, count, NULL), .args = args,
                           .arg_count = count, .arena = &w->arena};
    return acl_check(u, &x, denial);
}

static void keys_are_asked_for_what_the_command_does_to_them(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum acl_verdict verdict;
        uint32_t position;
    } asked[] = {
        {"get r1", ACL_ALLOWED, 0},         {"get w1", ACL_NO_KEY, 1},
        {"set w1 x", ACL_ALLOWED, 0},       {"set w1 x get", ACL_NO_KEY, 1},
        {"copy r1 w1", ACL_ALLOWED, 0},     {"copy w1 r1", ACL_NO_KEY, 1},
        {"sort r1", ACL_ALLOWED, 0},        {"sort r1 store w1", ACL_ALLOWED, 0},
        {"sort r1 store r2", ACL_NO_KEY, 3}, {"getdel w1", ACL_NO_KEY, 1},
        {"zunionstore w1 2 r1 r2", ACL_ALLOWED, 0}, {"zunionstore w1 2 r1 w2", ACL_NO_KEY, 4},
        {"georadius r1 1 1 1 m store w1", ACL_ALLOWED, 0},
        {"georadius r1 1 1 1 m store r2", ACL_NO_KEY, 7},
        {"eval x 1 r1", ACL_NO_KEY, 3},     {"eval x 0", ACL_ALLOWED, 0},
        {"bitfield r1 get u8 0", ACL_ALLOWED, 0}, {"bitfield r1 set u8 0 1", ACL_NO_KEY, 1},
        {"publish ca x", ACL_ALLOWED, 0},   {"publish x ca", ACL_NO_CHANNEL, 1},
        {"subscribe ca cb x", ACL_NO_CHANNEL, 3}, {"psubscribe c*", ACL_ALLOWED, 0},
        {"psubscribe ca", ACL_NO_CHANNEL, 1}, {"unsubscribe x", ACL_ALLOWED, 0},
        {"flushall", ACL_NO_COMMAND, 0},    {"auth x", ACL_ALLOWED, 0},
    };
    const struct bytes rules[] = {BYTES("+@all"), BYTES("-flushall"), BYTES("-auth"),
                                  BYTES("%R~r*"), BYTES("%W~w*"), BYTES("&c*")};
    struct acl_user *u = acl_user_new(BYTES("u"), false);
    struct buf error = {0};
    struct world w;
    world_open(&w, 1 << 20);
    assert_true(acl_user_apply(u, rules, ARRAY_COUNT(rules), false, &error));
    for (size_t i = 0; i < ARRAY_COUNT(asked); i++) {
        struct acl_denial denial = {ACL_ALLOWED, 0};
        const bool allowed = may(&w, u, asked[i].line, &denial);
        if (allowed != (asked[i].verdict == ACL_ALLOWED) ||
            (!allowed && (denial.verdict != asked[i].verdict ||
                          denial.position != asked[i].position)))
            fail_msg("%s: %d at %u", asked[i].line, (int)denial.verdict, denial.position);
    }
    struct acl_denial denial;
    assert_false(may(&w, NULL, "get r1", &denial)); /* a user that is gone */
    acl_user_free(u);
    world_close(&w);
}

/* As a node that lags, or takes a snapshot: rows change, its table follows. */
static void a_table_follows_the_rows(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 1 << 20);
    struct acl *other = acl_new();
    uint32_t last = 0;
    struct prng p;
    prng_seed(&p, 3);
    for (int step = 0; step < 400; step++) {
        char line[128];
        snprintf(line, sizeof(line), prng_below(&p, 4) == 0 ? "acl deluser u%d" :
                 "acl setuser u%d on >pw +@read", (int)prng_below(&p, 12));
        world_run_line(&w, line);
        if (prng_below(&p, 3) != 0)
            continue; /* it sees several changes at once */
        acl_refresh(other, w.keyspace);
        assert_int_equal(acl_count(other), acl_count(w.acl));
        for (uint32_t i = 0; i < acl_count(other); i++) {
            const struct acl_user *u = acl_user_at(other, i), *same = acl_user_at(w.acl, i);
            assert_true(bytes_equal(u->name, same->name));
            assert_int_equal(u->id, same->id);
            assert_ptr_equal(acl_user_by_id(other, u->id), u);
            assert_ptr_equal(acl_user_by_name(other, u->name), u);
            last = MAX(last, u->id);
        }
    }
    world_run_line(&w, "acl deluser u1 u2 u3");
    world_run_line(&w, "acl setuser u1");
    assert_true(acl_user_by_name(w.acl, BYTES("u1"))->id > last); /* never one's that is gone */
    acl_free(other);
    world_close(&w);
}

static void a_password_opens_and_others_do_not(void **state)
{
    (void)state;
    const struct bytes rules[] = {BYTES("on"), BYTES(">one"), BYTES(">two")};
    struct acl_user *u = acl_user_new(BYTES("u"), false);
    struct buf error = {0};
    assert_false(acl_user_opens(u, BYTES_NONE));
    assert_true(acl_user_apply(u, rules, ARRAY_COUNT(rules), false, &error));
    assert_true(acl_user_opens(u, BYTES("one")));
    assert_true(acl_user_opens(u, BYTES("two")));
    assert_false(acl_user_opens(u, BYTES("three")));
    assert_false(acl_user_opens(u, BYTES_NONE));
    const struct bytes off = BYTES("off");
    assert_true(acl_user_apply(u, &off, 1, false, &error));
    assert_false(acl_user_opens(u, BYTES("one")));
    acl_user_free(u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_say_what_the_rules_came_to),
        cmocka_unit_test(a_row_does_not_grow_with_changes),
        cmocka_unit_test(a_row_of_any_bytes_is_survived),
        cmocka_unit_test(keys_are_asked_for_what_the_command_does_to_them),
        cmocka_unit_test(a_table_follows_the_rows),
        cmocka_unit_test(a_password_opens_and_others_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
