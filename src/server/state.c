/* state.c -- a server's own memory, before and after it has anything to do with the world. */

#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/panic.h"
#include "base/prng.h"
#include "server/local.h"
#include "server/node.h"

void server_init(struct server *s)
{
    queue_init(&s->conns);
    queue_init(&s->ready);
    queue_init(&s->outgoing);
    intake_init(&s->intake);
    queue_init(&s->dead);
    queue_init(&s->pendings);
    pubsub_init(&s->pubsub);
    tracking_init(&s->tracking);
    arena_init(&s->arena);
    slowlog_init(&s->slowlog);
    settings_init(&s->defaults);
    s->settings = &s->defaults;
    s->acl = s->first_acl = acl_new();
    acl_log_init(&s->acl_log);
    s->read_buffer = xmalloc(CONN_READ_SIZE);
    s->commands = commands_info_new(local_rows, local_row_count);
    s->now_us = s->started_us = clock_boot_us();
    s->now_ms = s->started_ms = clock_wall_ms();
    uint8_t id[20];
    prng_secret(id, sizeof(id));
    for (size_t i = 0; i < sizeof(id); i++)
        snprintf(s->run_id + 2 * i, 3, "%02x", id[i]);
    ticks_calibrate();
    s->slow_ticks = UINT64_MAX;
}

void server_settings_changed(struct server *s)
{
    static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_INFO, LOG_WARN};
    const struct config *config = &s->config;
    uint64_t slow_us = UINT64_MAX;
    if (config->slowlog_log_slower_than >= 0 && config->slowlog_max_len > 0)
        slow_us = (uint64_t)config->slowlog_log_slower_than;
    if (config->latency_threshold_ms > 0)
        slow_us = MIN(slow_us,
                      (uint64_t)MIN(config->latency_threshold_ms, INT64_MAX / 1000) * 1000);
    log_set_level(levels[config->loglevel]);
    if (s->node != NULL)
        node_settings_changed(s->node);
    s->slow_ticks = slow_us == UINT64_MAX ? UINT64_MAX : ticks_from_us(slow_us);
}

void server_note_latency(struct server *s, enum latency_event event, uint64_t took_us)
{
    const uint64_t took_ms = took_us / 1000;
    if (s->config.latency_threshold_ms > 0 && took_ms >= (uint64_t)s->config.latency_threshold_ms)
        latency_add(&s->latency, event,
                    (struct latency_sample){.time_s = clock_wall_ms() / 1000, .ms = took_ms});
}

void server_clear(struct server *s)
{
    slots_free(s);
    pubsub_clear(&s->pubsub);
    tracking_clear(&s->tracking);
    slowlog_clear(&s->slowlog);
    acl_log_clear(&s->acl_log);
    acl_free(s->first_acl);
    buf_clear(&s->script_trail.lines);
    commands_info_free(s->commands);
    arena_clear(&s->arena);
    buf_clear(&s->discard);
    free(s->read_buffer);
}
