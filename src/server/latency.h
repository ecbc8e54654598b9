/* latency.h -- the slow moments of this node, as LATENCY tells them: per event the worst of each
 * second in which it took at least latency-monitor-threshold. */

#ifndef SERVER_LATENCY_H
#define SERVER_LATENCY_H

#include "base/buf.h"

enum latency_event {
    LATENCY_COMMAND,        /* one command ran */
    LATENCY_FAST_COMMAND,   /* of those that should never take long */
    LATENCY_EXPIRE_CYCLE,   /* one entry that deletes what is due was applied */
    LATENCY_FSYNC,          /* one synced write of the log */
    LATENCY_WRITE_QUEUE,    /* phases of a write (node/phases.h) */
    LATENCY_WRITE_REPLICATE,
    LATENCY_WRITE_APPLY,
    LATENCY_DATA_LOOP,      /* one turn, without its wait */
    LATENCY_CONSENSUS_LOOP,
    LATENCY_EVENTS,
};

#define LATENCY_SAMPLES 160 /* kept of each event, as Redis */

struct latency_sample {
    uint64_t time_s; /* 0 = none */
    uint64_t ms;
};

struct latency_series {
    struct latency_sample samples[LATENCY_SAMPLES]; /* a ring */
    size_t next;
    uint64_t max_ms; /* ever */
};

struct latency {
    struct latency_series events[LATENCY_EVENTS];
};

const char *latency_name(enum latency_event event);
/* LATENCY_EVENTS: no event of that name. */
enum latency_event latency_find(struct bytes name);

void latency_add(struct latency *l, enum latency_event event, struct latency_sample sample);
/* false: it had none. */
bool latency_forget(struct latency *l, enum latency_event event);
bool latency_has(const struct latency *l, enum latency_event event);
/* The samples from the oldest on; returns how many. */
size_t latency_samples(const struct latency *l, enum latency_event event,
                       struct latency_sample samples[static LATENCY_SAMPLES]);

/* A drawing of the samples and a report of all events, for people. */
void latency_draw(const struct latency *l, enum latency_event event, uint64_t now_s,
                  struct buf *to);
void latency_report(const struct latency *l, int64_t threshold_ms, struct buf *to);

#endif
