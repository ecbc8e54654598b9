/* linear_main.c -- checks a history of many keys from standard input, one operation a line:
 *
 *   KEY START END KIND ARGUMENT ARGUMENT2 RESULT
 *
 * times are numbers; END "-" means that the outcome is not known; KIND is get, set, incr, cas, del;
 * ARGUMENT, ARGUMENT2, RESULT are numbers, or "-" for none (of a get: absent). Prints one line per
 * violated key, then a summary; exits 0 when every key's history is linearizable. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "sim/linear.h"

#define STEPS_MAX 50000000

struct line {
    char key[128];
    struct linear_op op;
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct line *)a)->key, ((const struct line *)b)->key);
}

static int64_t number(const char *text)
{
    return strcmp(text, "-") == 0 ? LINEAR_ABSENT : (int64_t)strtoll(text, NULL, 10);
}

static bool parse(const char *text, struct line *line)
{
    static const char *const kinds[] = {"get", "set", "incr", "cas", "del"};
    char end[32], kind[8], argument[32], argument2[32], result[32];
    if (sscanf(text, "%127s %" SCNu64 " %31s %7s %31s %31s %31s", line->key, &line->op.start, end,
               kind, argument, argument2, result) != 7)
        return false;
    line->op.end = strcmp(end, "-") == 0 ? LINEAR_NEVER_ENDED : strtoull(end, NULL, 10);
    line->op.argument = number(argument);
    line->op.argument2 = number(argument2);
    line->op.result = number(result);
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (strcmp(kind, kinds[i]) == 0) {
            line->op.kind = (enum linear_kind)i;
            return true;
        }
    }
    return false;
}

static bool check_key(const struct line *lines, size_t count)
{
    struct linear_op *ops = xcalloc(count, sizeof(*ops));
    for (size_t i = 0; i < count; i++)
        ops[i] = lines[i].op;
    size_t culprit;
    const enum linear_verdict verdict =
        linear_check(ops, count, LINEAR_ABSENT, STEPS_MAX, &culprit);
    if (verdict == LINEAR_VIOLATED)
        printf("key %s: not linearizable, at the operation from %" PRIu64 " to %" PRIu64
               " with result %" PRId64 "\n", lines[0].key, ops[culprit].start, ops[culprit].end,
               ops[culprit].result);
    if (verdict == LINEAR_GAVE_UP)
        printf("key %s: gave up after %d steps (%zu operations)\n", lines[0].key, STEPS_MAX, count);
    free(ops);
    return verdict == LINEAR_OK;
}

int main(void)
{
    struct line *lines = NULL;
    size_t count = 0, capacity = 0, keys = 0, bad = 0;
    char text[512];
    while (fgets(text, sizeof(text), stdin) != NULL) {
        if (count == capacity) {
            capacity = capacity == 0 ? 1024 : capacity * 2;
            lines = xrealloc(lines, capacity * sizeof(*lines));
        }
        if (!parse(text, &lines[count++])) {
            fprintf(stderr, "linear: cannot read line %zu: %s", count, text);
            return 2;
        }
    }
    qsort(lines, count, sizeof(*lines), by_key);
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && strcmp(lines[from].key, lines[to].key) == 0;)
            to++;
        keys++;
        bad += check_key(lines + from, to - from) ? 0 : 1;
    }
    printf("%zu operations on %zu keys: %zu keys not linearizable\n", count, keys, bad);
    free(lines);
    return bad == 0 && count > 0 ? 0 : 1;
}
