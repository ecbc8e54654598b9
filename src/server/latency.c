#include "server/latency.h"

#include <stdio.h>
#include <string.h>

#define GRAPH_COLUMNS 80
#define GRAPH_ROWS 4

static const struct {
    const char *name;
    const char *advice;
} events[LATENCY_EVENTS] = {
    [LATENCY_COMMAND] =
        {"command", "SLOWLOG GET shows which commands took long: look for KEYS, SORT, whole reads "
                    "of large objects, long scripts."},
    [LATENCY_FAST_COMMAND] =
        {"fast-command", "Commands that do little took long: the machine is short of processor "
                         "time, or its memory is swapped."},
    [LATENCY_EXPIRE_CYCLE] =
        {"expire-cycle", "Keys or fields that were due took long to delete: many have the same "
                         "deadline. Spread deadlines by a random number of seconds."},
    [LATENCY_FSYNC] =
        {"fsync", "The disk took long to make the log durable. Every write waits for it on a "
                  "majority: look for other users of the disk, or give the log a faster one."},
    [LATENCY_WRITE_QUEUE] =
        {"write-queue", "Writes waited at this node before they were proposed: no leader was "
                        "known, or earlier ones were not committed yet (see write-replicate)."},
    [LATENCY_WRITE_REPLICATE] =
        {"write-replicate", "From its proposal to its commit a write took long: the disks of a "
                            "majority (fsync, on each node), or the network between the nodes."},
    [LATENCY_WRITE_APPLY] =
        {"write-apply", "A committed batch took long to run at this node: see command for what it "
                        "did."},
    [LATENCY_DATA_LOOP] =
        {"data-loop", "While one turn of the data loop ran, no client of this node was served: "
                      "see command for what it did."},
    [LATENCY_CONSENSUS_LOOP] =
        {"consensus-loop", "While one turn of the consensus loop ran, no heartbeat left: beyond "
                           "election-ticks it costs a leader its office."},
};

const char *latency_name(enum latency_event event)
{
    return events[event].name;
}

enum latency_event latency_find(struct bytes name)
{
    size_t i = 0;
    while (i < LATENCY_EVENTS && !bytes_equal_nocase_string(name, events[i].name))
        i++;
    return (enum latency_event)i;
}

void latency_add(struct latency *l, enum latency_event event, struct latency_sample sample)
{
    struct latency_series *series = &l->events[event];
    series->max_ms = MAX(series->max_ms, sample.ms);
    struct latency_sample *last =
        &series->samples[(series->next + LATENCY_SAMPLES - 1) % LATENCY_SAMPLES];
    if (last->time_s == sample.time_s) { /* the worst stands for its second */
        last->ms = MAX(last->ms, sample.ms);
        return;
    }
    series->samples[series->next] = sample;
    series->next = (series->next + 1) % LATENCY_SAMPLES;
}

bool latency_has(const struct latency *l, enum latency_event event)
{
    const struct latency_series *series = &l->events[event];
    return series->samples[(series->next + LATENCY_SAMPLES - 1) % LATENCY_SAMPLES].time_s != 0;
}

bool latency_forget(struct latency *l, enum latency_event event)
{
    const bool had = latency_has(l, event);
    l->events[event] = (struct latency_series){0};
    return had;
}

size_t latency_samples(const struct latency *l, enum latency_event event,
                       struct latency_sample samples[static LATENCY_SAMPLES])
{
    const struct latency_series *series = &l->events[event];
    size_t count = 0;
    for (size_t i = 0; i < LATENCY_SAMPLES; i++) {
        const struct latency_sample *s = &series->samples[(series->next + i) % LATENCY_SAMPLES];
        if (s->time_s != 0)
            samples[count++] = *s;
    }
    return count;
}

/* --- the drawing ------------------------------------------------------------------------------ */

static void print_age(char text[static 24], uint64_t age_s)
{
    static const struct {
        uint64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;
    while (age_s < units[i].seconds && units[i].unit != 's')
        i++;
    snprintf(text, 24, "%llu%c", (unsigned long long)(age_s / units[i].seconds), units[i].unit);
}

/* A column is GRAPH_ROWS high and has three heights in each row: _ o #, | where it goes on. */
static char column_char(uint64_t height, unsigned row)
{
    static const char marks[] = "_o#";
    const uint64_t below = (uint64_t)(GRAPH_ROWS - 1 - row) * 3;
    return height < below ? ' ' : height < below + 3 ? marks[height - below] : '|';
}

/* Up to GRAPH_COLUMNS samples, and under each how long ago it was, from top to bottom. */
static void draw_part(const struct latency_sample *samples, size_t count,
                      const struct latency_sample *low_and_span, uint64_t now_s, struct buf *to)
{
    const uint64_t low_ms = low_and_span->ms, span_ms = low_and_span->time_s;
    for (unsigned row = 0; row < GRAPH_ROWS; row++) {
        for (size_t i = 0; i < count; i++) {
            const uint64_t height = (samples[i].ms - low_ms) * GRAPH_ROWS * 3 / span_ms;
            buf_append_u8(to, (uint8_t)column_char(MIN(height, GRAPH_ROWS * 3 - 1), row));
        }
        buf_append_u8(to, '\n');
    }
    size_t longest = 1;
    for (size_t row = 0; row <= longest; row++) {
        for (size_t i = 0; i < count; i++) {
            char age[24];
            print_age(age, now_s > samples[i].time_s ? now_s - samples[i].time_s : 0);
            longest = MAX(longest, strlen(age));
            buf_append_u8(to, row > 0 && row <= strlen(age) ? (uint8_t)age[row - 1] : ' ');
        }
        buf_append_u8(to, '\n');
    }
}

static void low_and_high(const struct latency_sample *samples, size_t count, uint64_t *low_ms,
                         uint64_t *high_ms)
{
    *low_ms = UINT64_MAX;
    *high_ms = 0;
    for (size_t i = 0; i < count; i++) {
        *low_ms = MIN(*low_ms, samples[i].ms);
        *high_ms = MAX(*high_ms, samples[i].ms);
    }
}

void latency_draw(const struct latency *l, enum latency_event event, uint64_t now_s,
                  struct buf *to)
{
    struct latency_sample samples[LATENCY_SAMPLES];
    const size_t count = latency_samples(l, event, samples);
    uint64_t low_ms, high_ms;
    low_and_high(samples, count, &low_ms, &high_ms);
    buf_printf(to, "%s - high %llu ms, low %llu ms (all time high %llu ms)\n", events[event].name,
               (unsigned long long)high_ms, (unsigned long long)low_ms,
               (unsigned long long)l->events[event].max_ms);
    for (size_t i = 0; i < GRAPH_COLUMNS; i++)
        buf_append_u8(to, '-');
    buf_append_u8(to, '\n');
    const struct latency_sample scale = {.ms = low_ms, .time_s = MAX(high_ms - low_ms, 1)};
    for (size_t i = 0; i < count; i += GRAPH_COLUMNS) {
        if (i > 0)
            buf_append_u8(to, '\n');
        draw_part(samples + i, MIN(count - i, GRAPH_COLUMNS), &scale, now_s, to);
    }
}

/* --- the report ------------------------------------------------------------------------------- */

static void report_event(const struct latency *l, enum latency_event event, struct buf *to)
{
    struct latency_sample samples[LATENCY_SAMPLES];
    const size_t count = latency_samples(l, event, samples);
    uint64_t low_ms, high_ms, sum_ms = 0;
    low_and_high(samples, count, &low_ms, &high_ms);
    for (size_t i = 0; i < count; i++)
        sum_ms += samples[i].ms;
    buf_printf(to, "%s: %zu slow moments, average %llu ms, from %llu to %llu ms; the worst ever "
                   "took %llu ms.\n    %s\n", events[event].name, count,
               (unsigned long long)(sum_ms / count), (unsigned long long)low_ms,
               (unsigned long long)high_ms, (unsigned long long)l->events[event].max_ms,
               events[event].advice);
}

void latency_report(const struct latency *l, int64_t threshold_ms, struct buf *to)
{
    if (threshold_ms == 0) {
        buf_append_string(to, "Nothing is watched: CONFIG SET latency-monitor-threshold <ms> says "
                              "from how many milliseconds on a moment counts as slow.\n");
        return;
    }
    bool any = false;
    for (int event = 0; event < LATENCY_EVENTS; event++) {
        if (!latency_has(l, (enum latency_event)event))
            continue;
        any = true;
        report_event(l, (enum latency_event)event, to);
    }
    if (!any)
        buf_printf(to, "No moment of this node took %lld ms or more.\n", (long long)threshold_ms);
}
