/* log_writer.h -- the thread that makes log writes durable: everything that waits becomes one
 * synced write of the log store (group commit); a failed one panics (ARCHITECTURE §6.4).
 *
 *   submit(job) -> queue -> [thread: all of it -> log_store_write()] -> MAIL_PERSISTED (newest id)
 *
 * A job that may be done in place is, when nothing is under way. */

#ifndef SERVER_LOG_WRITER_H
#define SERVER_LOG_WRITER_H

#include "node/ports.h"

struct log_store;
struct log_writer;
struct mailbox;

/* completions: struct consensus_mail, the consensus half's inbox. Starts the thread. */
struct log_writer *log_writer_start(struct log_store *log, struct mailbox *completions);
/* Writes of the thread wait as it says; before the first. */
struct chaos;
void log_writer_obey(struct log_writer *w, const struct chaos *chaos);
/* Writes what is queued, ends the thread. */
void log_writer_stop(struct log_writer *w);

struct log_writer_port log_writer_port(struct log_writer *w);

struct log_writer_stats {
    uint64_t jobs, syncs, in_place;
    uint64_t last_us, max_us; /* of a sync */
};
void log_writer_stats(struct log_writer *w, struct log_writer_stats *stats);
/* When index was durable (boot_us), if that was among the last writes; else 0. By any thread. */
uint64_t log_writer_persisted_us(struct log_writer *w, uint64_t index);
/* How long each sync took; to look at, by any thread. */
struct histogram;
const struct histogram *log_writer_took(const struct log_writer *w);
/* The longest sync since this was asked last. */
uint64_t log_writer_take_recent_us(struct log_writer *w);

#endif
