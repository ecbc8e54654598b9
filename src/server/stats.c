#include "server/stats.h"

#include <stdlib.h>
#include "base/clock.h"
#include "base/panic.h"
#include "base/histogram.h"

/* --- commands --------------------------------------------------------------------------------- */

#define INFO_SLOTS 4096 /* a power of two, well above the rows of the table */

struct commands_info {
    struct command_info *infos;
    size_t count, capacity;
    uint32_t slots[INFO_SLOTS]; /* 1 + position in infos */
};

static size_t slot_of(const struct command *command)
{
    const uint64_t address = (uint64_t)(uintptr_t)command;
    return (size_t)((address >> 3) * 0x9e3779b97f4a7c15u >> 52) % INFO_SLOTS;
}

static uint8_t op_of(const char *name)
{
    static const char *const names[] = {
        [OP_MULTI] = "multi", [OP_EXEC] = "exec",       [OP_DISCARD] = "discard",
        [OP_WATCH] = "watch", [OP_UNWATCH] = "unwatch", [OP_QUIT] = "quit",
        [OP_RESET] = "reset",
    };
    for (size_t i = OP_NONE + 1; i < ARRAY_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0)
            return (uint8_t)i;
    return OP_NONE;
}

static void add(struct commands_info *all, const struct command *command,
                const struct local_row *locals, size_t count)
{
    if (all->count == all->capacity) {
        all->capacity = MAX(256, 2 * all->capacity);
        all->infos = xrealloc(all->infos, all->capacity * sizeof(*all->infos));
    }
    struct command_info *info = &all->infos[all->count];
    memset(info, 0, sizeof(*info));
    info->command = command;
    const struct bytes full = command_full_name(command, info->name);
    info->name[full.size] = '\0';
    info->op = op_of(info->name);
    info->has_secret = strcmp(info->name, "auth") == 0 || strcmp(info->name, "hello") == 0 ||
                       strcmp(info->name, "config|set") == 0 ||
                       strcmp(info->name, "migrate") == 0 ||
                       strcmp(info->name, "acl|setuser") == 0;
    info->has_passwords = strcmp(info->name, "acl|setuser") == 0;
    info->is_debug = strncmp(info->name, "debug|", 6) == 0;
    for (size_t i = 0; i < count && info->local == NULL; i++)
        if (strcmp(locals[i].name, info->name) == 0)
            info->local = &locals[i];
    size_t slot = slot_of(command);
    while (all->slots[slot] != 0)
        slot = (slot + 1) % INFO_SLOTS;
    all->slots[slot] = (uint32_t)++all->count;
    CHECK(all->count < INFO_SLOTS / 2);
    const struct command *sub = command->subcommands;
    for (; sub != NULL && sub->name != NULL; sub++)
        add(all, sub, locals, count);
}

struct commands_info *commands_info_new(const struct local_row *locals, size_t count)
{
    struct commands_info *all = xcalloc(1, sizeof(*all));
    for (size_t i = 0; command_at(i) != NULL; i++)
        add(all, command_at(i), locals, count);
    return all;
}

static void forget_latencies(struct commands_info *all)
{
    for (size_t i = 0; i < all->count; i++) {
        free(all->infos[i].latency);
        all->infos[i].latency = NULL;
    }
}

void command_info_called(struct command_info *info, uint64_t ticks, bool track)
{
    info->calls++;
    info->ticks += ticks;
    if (!track)
        return;
    if (info->latency == NULL)
        info->latency = xcalloc(1, sizeof(*info->latency));
    histogram_add(info->latency, ticks_to_ns(ticks));
}

void commands_info_free(struct commands_info *all)
{
    if (all == NULL)
        return;
    forget_latencies(all);
    free(all->infos);
    free(all);
}

struct command_info *commands_info_of(struct commands_info *all, const struct command *command)
{
    for (size_t slot = slot_of(command); all->slots[slot] != 0; slot = (slot + 1) % INFO_SLOTS)
        if (all->infos[all->slots[slot] - 1].command == command)
            return &all->infos[all->slots[slot] - 1];
    panic("command %s is in no table", command->name);
}

struct command_info *commands_info_at(struct commands_info *all, size_t n)
{
    return n < all->count ? &all->infos[n] : NULL;
}

size_t commands_info_count(const struct commands_info *all)
{
    return all->count;
}

/* --- counters --------------------------------------------------------------------------------- */

void stats_count_errors(struct stats *s, const char *code, uint32_t count)
{
    s->error_replies += count;
    size_t i = 0;
    while (i < s->error_code_count && strcmp(s->errors[i].code, code) != 0)
        i++;
    if (i == ERROR_CODES_MAX)
        return;
    if (i == s->error_code_count) {
        size_t size = MIN(strlen(code), sizeof(s->errors[i].code) - 1);
        memcpy(s->errors[i].code, code, size);
        s->errors[i].code[size] = '\0';
        s->error_code_count++;
    }
    s->errors[i].count += count;
}

static uint64_t per_second(uint64_t now, uint64_t *last, uint64_t elapsed_us)
{
    const uint64_t rate = (now - *last) * 1000000 / elapsed_us;
    *last = now;
    return rate;
}

void stats_sample(struct stats *s, uint64_t now_us)
{
    const uint64_t elapsed = now_us - s->last_sample_us;
    if (elapsed == 0)
        return;
    s->rate_commands[s->sample] = per_second(s->commands, &s->last_commands, elapsed);
    s->rate_input[s->sample] = per_second(s->input_bytes, &s->last_input, elapsed);
    s->rate_output[s->sample] = per_second(s->output_bytes, &s->last_output, elapsed);
    s->sample = (s->sample + 1) % RATE_SAMPLES;
    s->last_sample_us = now_us;
}

uint64_t stats_rate(const uint64_t samples[static RATE_SAMPLES])
{
    uint64_t sum = 0;
    for (size_t i = 0; i < RATE_SAMPLES; i++)
        sum += samples[i];
    return sum / RATE_SAMPLES;
}

void stats_reset(struct stats *s, struct commands_info *all)
{
    const uint64_t last_sample_us = s->last_sample_us;
    memset(s, 0, sizeof(*s));
    s->last_sample_us = last_sample_us;
    for (size_t i = 0; i < all->count; i++) {
        struct command_info *info = &all->infos[i];
        info->calls = info->failed = info->rejected = info->ticks = 0;
    }
    forget_latencies(all);
}

/* --- ticks ------------------------------------------------------------------------------------ */

/* Ticks of the processor's counter per microsecond, in 1/1024, measured over the process's life. */
static uint64_t ticks_per_1024_us;
static uint64_t first_ticks, first_us;

uint64_t ticks_now(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return clock_boot_us();
#endif
}

void ticks_calibrate(void)
{
    const uint64_t now_us = clock_boot_us(), now = ticks_now();
    if (first_us == 0) {
        first_us = now_us;
        first_ticks = now;
        return;
    }
    if (now_us - first_us >= 1000)
        ticks_per_1024_us = (uint64_t)((double)(now - first_ticks) * 1024 /
                                       (double)(now_us - first_us));
}

uint64_t ticks_to_us(uint64_t ticks)
{
    if (ticks_per_1024_us == 0)
        return 0;
    return (uint64_t)((double)ticks * 1024 / (double)ticks_per_1024_us);
}

uint64_t ticks_to_ns(uint64_t ticks)
{
    if (ticks_per_1024_us == 0)
        return 0;
    return (uint64_t)((double)ticks * 1024000 / (double)ticks_per_1024_us);
}

uint64_t ticks_from_us(uint64_t us)
{
    const double ticks = (double)us * (double)ticks_per_1024_us / 1024;
    return ticks_per_1024_us == 0 || ticks >= 9e18 ? UINT64_MAX : (uint64_t)ticks;
}
