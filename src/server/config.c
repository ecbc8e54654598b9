#include "server/config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/panic.h"
#include "command/settings.h"
#include "machine/entry.h"
#include "server/config_table.h"

/* --- rows ------------------------------------------------------------------------------------- */

const struct config_row *config_row_at(size_t n)
{
    return n < config_row_count ? &config_rows[n] : NULL;
}

const struct config_row *config_find(struct bytes name)
{
    for (size_t i = 0; i < config_row_count; i++)
        if (bytes_equal_nocase_string(name, config_rows[i].name))
            return &config_rows[i];
    return NULL;
}

size_t config_row_number(const struct config_row *row)
{
    while (row->flags & CONFIG_ALIAS)
        row--;
    CHECK(row >= config_rows);
    return (size_t)(row - config_rows);
}

void config_init(struct config *c)
{
    CHECK(config_row_count <= CONFIG_ROWS_MAX);
    memset(c, 0, sizeof(*c));
    struct buf canonical = {0};
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        struct error e;
        if (row->flags & CONFIG_ALIAS)
            continue;
        if (config_check(row, bytes_from_string(row->text), &canonical, &e) != STATUS_OK)
            panic("default of setting %s: %s", row->name, e.text);
        config_assign(c, row, buf_bytes(&canonical));
    }
    buf_clear(&canonical);
}

void config_clear(struct config *c)
{
    for (size_t i = 0; i < config_row_count; i++)
        free(c->text[i]);
    for (size_t i = 0; i < c->initial_count; i++) {
        free(c->initial[i].name);
        free(c->initial[i].value);
    }
    free(c->initial);
    free(c->file);
    memset(c, 0, sizeof(*c));
}

const char *config_text(const struct config *c, const struct config_row *row)
{
    return c->text[config_row_number(row)];
}

/* --- checking --------------------------------------------------------------------------------- */

static enum status check_range(const struct config_row *row, int64_t number, struct error *e)
{
    if (number >= row->min && number <= row->max)
        return STATUS_OK;
    return fail(e, STATUS_INVALID, "argument must be between %lld and %lld inclusive",
                (long long)row->min, (long long)row->max);
}

static enum status check_number(const struct config_row *row, struct bytes value,
                                struct buf *canonical, struct error *e)
{
    int64_t number;
    if (!bytes_to_int64(value, &number))
        return fail(e, STATUS_INVALID, "argument couldn't be parsed into an integer");
    if (check_range(row, number, e) != STATUS_OK)
        return STATUS_INVALID;
    buf_printf(canonical, "%lld", (long long)number);
    return STATUS_OK;
}

static enum status check_memory(const struct config_row *row, struct bytes value,
                                struct buf *canonical, struct error *e)
{
    const bool may_be_percent = row->flags & CONFIG_PERCENT;
    if (may_be_percent && value.size > 1 && bytes_data(value)[value.size - 1] == '%') {
        int64_t percent;
        if (!bytes_to_int64(bytes_of(value.data, value.size - 1), &percent) || percent < 0)
            return fail(e, STATUS_INVALID, "argument must be a memory or percent value");
        if (percent > 100)
            return fail(e, STATUS_INVALID, "percentage argument must be less or equal to 100");
        buf_printf(canonical, "%lld%%", (long long)percent);
        return STATUS_OK;
    }
    uint64_t size;
    if (!memory_size_parse(value, &size) || size > INT64_MAX)
        return fail(e, STATUS_INVALID, may_be_percent ? "argument must be a memory or percent value"
                                                      : "argument must be a memory value");
    if (check_range(row, (int64_t)size, e) != STATUS_OK)
        return STATUS_INVALID;
    buf_printf(canonical, "%llu", (unsigned long long)size);
    return STATUS_OK;
}

static enum status check_choice(const struct config_row *row, struct bytes value,
                                struct buf *canonical, struct error *e)
{
    for (size_t i = 0; row->choices[i] != NULL; i++) {
        if (bytes_equal_nocase_string(value, row->choices[i])) {
            buf_append_string(canonical, row->choices[i]);
            return STATUS_OK;
        }
    }
    struct buf list = {0};
    for (size_t i = 0; row->choices[i] != NULL; i++)
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", row->choices[i]);
    fail(e, STATUS_INVALID, "argument(s) must be one of the following: %.*s", (int)list.size,
         (const char *)buf_data(&list));
    buf_clear(&list);
    return STATUS_INVALID;
}

enum status config_check(const struct config_row *row, struct bytes value, struct buf *canonical,
                         struct error *e)
{
    row = &config_rows[config_row_number(row)];
    buf_reset(canonical);
    if (value.size > 0 && memchr(value.data, '\0', value.size) != NULL)
        return fail(e, STATUS_INVALID, "argument contains a zero byte");
    switch ((enum config_kind)row->kind) {
    case CONFIG_BOOL:
        if (!bytes_equal_nocase_string(value, "yes") && !bytes_equal_nocase_string(value, "no"))
            return fail(e, STATUS_INVALID, "argument must be 'yes' or 'no'");
        buf_append_string(canonical, bytes_equal_nocase_string(value, "yes") ? "yes" : "no");
        return STATUS_OK;
    case CONFIG_INT: return check_number(row, value, canonical, e);
    case CONFIG_MEMORY: return check_memory(row, value, canonical, e);
    case CONFIG_ENUM: return check_choice(row, value, canonical, e);
    case CONFIG_SPECIAL: return row->check(value, canonical, e) ? STATUS_OK : STATUS_INVALID;
    case CONFIG_STRING: break;
    }
    buf_append_bytes(canonical, value);
    return STATUS_OK;
}

/* --- assigning -------------------------------------------------------------------------------- */

static int64_t choice_position(const struct config_row *row, const char *text)
{
    for (int64_t i = 0; row->choices[i] != NULL; i++)
        if (strcmp(row->choices[i], text) == 0)
            return i;
    panic("setting %s: %s", row->name, text);
}

static void assign_field(struct config *c, const struct config_row *row, const char *text)
{
    void *field = (char *)c + row->field;
    switch ((enum config_kind)row->kind) {
    case CONFIG_BOOL: *(bool *)field = strcmp(text, "yes") == 0; break;
    case CONFIG_INT:
    case CONFIG_MEMORY: *(int64_t *)field = strtoll(text, NULL, 10); break;
    case CONFIG_ENUM: *(int64_t *)field = choice_position(row, text); break;
    case CONFIG_STRING: *(const char **)field = text; break;
    case CONFIG_SPECIAL: row->assign(c, text); break;
    }
}

void config_assign(struct config *c, const struct config_row *row, struct bytes canonical)
{
    const size_t number = config_row_number(row);
    char *text = xmalloc(canonical.size + 1);
    if (canonical.size > 0)
        memcpy(text, canonical.data, canonical.size);
    text[canonical.size] = '\0';
    char *old = c->text[number];
    c->text[number] = text;
    if (!(config_rows[number].flags & CONFIG_REMEMBERED))
        assign_field(c, &config_rows[number], text);
    free(old);
}

/* --- special rows ----------------------------------------------------------------------------- */

/* The next blank-separated word of *rest; false at the end. */
static bool next_word(struct bytes *rest, struct bytes *word)
{
    while (rest->size > 0 && *bytes_data(*rest) == ' ')
        *rest = bytes_from(*rest, 1);
    size_t size = 0;
    while (size < rest->size && bytes_data(*rest)[size] != ' ')
        size++;
    *word = bytes_of(rest->data, size);
    *rest = bytes_from(*rest, size);
    return size > 0;
}

static const char *const class_names[CLIENT_CLASSES] = {"normal", "slave", "pubsub"};

static int class_of(struct bytes name)
{
    for (int i = 0; i < CLIENT_CLASSES; i++)
        if (bytes_equal_nocase_string(name, class_names[i]))
            return i;
    return bytes_equal_nocase_string(name, "replica") ? CLIENT_REPLICA : -1;
}

/* As Redis: only the classes that are named change, so the canonical form names those alone; the
 * whole is put together by the assignment. */
bool config_check_output_limits(struct bytes value, struct buf *canonical, struct error *e)
{
    struct bytes word[4];
    size_t count = 0;
    while (next_word(&value, &word[0])) {
        for (size_t i = 1; i < 4; i++) {
            if (!next_word(&value, &word[i])) {
                fail(e, STATUS_INVALID,
                     "Wrong number of arguments in buffer limit configuration.");
                return false;
            }
        }
        uint64_t hard, soft, seconds;
        const int class = class_of(word[0]);
        if (class < 0) {
            fail(e, STATUS_INVALID,
                 "Invalid client class specified in buffer limit configuration.");
            return false;
        }
        if (!memory_size_parse(word[1], &hard) || !memory_size_parse(word[2], &soft) ||
            !bytes_to_uint64(word[3], &seconds) || seconds > INT_MAX) {
            fail(e, STATUS_INVALID,
                 "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
            return false;
        }
        buf_printf(canonical, "%s%s %llu %llu %llu", count++ > 0 ? " " : "", class_names[class],
                   (unsigned long long)hard, (unsigned long long)soft,
                   (unsigned long long)seconds);
    }
    if (count > 0)
        return true;
    fail(e, STATUS_INVALID, "Wrong number of arguments in buffer limit configuration.");
    return false;
}

void config_assign_output_limits(struct config *c, const char *canonical)
{
    struct bytes rest = bytes_from_string(canonical), word[4];
    while (next_word(&rest, &word[0])) {
        uint64_t number[3] = {0};
        for (size_t i = 0; i < 3; i++) {
            const bool is_there = next_word(&rest, &word[i + 1]);
            CHECK(is_there);
            const bool is_number = bytes_to_uint64(word[i + 1], &number[i]);
            CHECK(is_number);
        }
        const int class = class_of(word[0]);
        CHECK(class >= 0);
        c->output_limits[class] = (struct output_limit){number[0], number[1], number[2]};
    }
    struct buf whole = {0};
    for (int i = 0; i < CLIENT_CLASSES; i++)
        buf_printf(&whole, "%s%s %llu %llu %llu", i > 0 ? " " : "", class_names[i],
                   (unsigned long long)c->output_limits[i].hard_bytes,
                   (unsigned long long)c->output_limits[i].soft_bytes,
                   (unsigned long long)c->output_limits[i].soft_seconds);
    buf_append_u8(&whole, 0);
    const size_t number = config_row_number(config_find(BYTES("client-output-buffer-limit")));
    free(c->text[number]);
    c->text[number] = xstrdup((const char *)buf_data(&whole));
    buf_clear(&whole);
}

/* Words that are all numbers, between min and max each; appended as they are. */
static bool check_numbers(struct bytes value, struct buf *canonical, size_t *count, int64_t min)
{
    struct bytes word;
    *count = 0;
    while (next_word(&value, &word)) {
        int64_t number;
        if (!bytes_to_int64(word, &number) || number < min)
            return false;
        buf_printf(canonical, "%s%lld", (*count)++ > 0 ? " " : "", (long long)number);
    }
    return true;
}

bool config_check_save(struct bytes value, struct buf *canonical, struct error *e)
{
    size_t count;
    if (check_numbers(value, canonical, &count, 0) && count % 2 == 0)
        return true;
    fail(e, STATUS_INVALID, "Invalid save parameters");
    return false;
}

bool config_check_three_numbers(struct bytes value, struct buf *canonical, struct error *e)
{
    size_t count;
    if (check_numbers(value, canonical, &count, -2000) && count == 3)
        return true;
    fail(e, STATUS_INVALID, "wrong number of arguments");
    return false;
}

bool config_check_percentiles(struct bytes value, struct buf *canonical, struct error *e)
{
    struct bytes word;
    char text[32];
    for (size_t count = 0; next_word(&value, &word); count++) {
        char *end = text;
        double percent = -1;
        if (word.size < sizeof(text)) {
            memcpy(text, word.data, word.size);
            text[word.size] = '\0';
            percent = strtod(text, &end);
        }
        if (end == text || *end != '\0' || !(percent >= 0 && percent <= 100)) {
            fail(e, STATUS_INVALID, "Invalid latency-tracking-info-percentiles parameters");
            return false;
        }
        buf_printf(canonical, "%s%.17g", count > 0 ? " " : "", percent);
    }
    return true;
}

uint32_t config_level_max(const struct config *c)
{
    return c->feature_level == 0 ? FEATURE_LEVEL_MAX : (uint32_t)c->feature_level;
}
