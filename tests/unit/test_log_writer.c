/* test_log_writer.c -- what waits becomes one write; completions come in order, and only for what
 * is on disk; in place when that is allowed and nothing is under way. */

#include "test.h"

#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mailbox.h"
#include "base/panic.h"
#include "kv/kv_mem.h"
#include "kv/log_store.h"
#include "node/mail.h"
#include "server/log_writer.h"

#define WRITES 60

struct place {
    struct kv_mem_disk *disk;
    struct log_store *log;
    struct mailbox *inbox;
    struct log_writer *writer;
    struct log_writer_port port;
    struct log_entry entries[WRITES + 1];
    struct log_write writes[WRITES + 1];
    struct log_job jobs[WRITES + 1];
};

static void place_open(struct place *p)
{
    *p = (struct place){.disk = kv_mem_disk_new(1)};
    const struct log_store_options options = {.disk = kv_mem_disk(p->disk), .dir = "n"};
    struct log_recovered found;
    struct error e;
    if (log_store_open(&options, &p->log, &found, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    log_recovered_clear(&found);
    p->inbox = mailbox_new(sizeof(struct consensus_mail), 128);
    p->writer = log_writer_start(p->log, p->inbox);
    p->port = log_writer_port(p->writer);
    for (uint64_t i = 1; i <= WRITES; i++) {
        p->entries[i] = (struct log_entry){.term = 1, .kind = 1, .payload = BYTES("content")};
        p->writes[i] = (struct log_write){.first = i, .entries = &p->entries[i], .entry_count = 1};
        p->jobs[i] = (struct log_job){.id = i, .write = &p->writes[i]};
    }
}

static void place_close(struct place *p)
{
    log_writer_stop(p->writer);
    log_store_close(p->log);
    mailbox_free(p->inbox);
    kv_mem_disk_free(p->disk);
}

static void persisted_ids_rise_up_to_the_last_and_groups_form(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    for (uint64_t i = 1; i <= WRITES; i++)
        assert_int_equal(p.port.submit(p.port.context, &p.jobs[i], false), SUBMIT_QUEUED);
    uint64_t newest = 0;
    while (newest < WRITES) {
        struct consensus_mail mail;
        if (mailbox_receive(p.inbox, &mail, 1) == 0) {
            if (mailbox_sleep(p.inbox)) {
                struct pollfd fd = {.fd = mailbox_fd(p.inbox), .events = POLLIN};
                assert_int_equal(poll(&fd, 1, 5000), 1);
            }
            mailbox_awake(p.inbox);
            continue;
        }
        assert_int_equal(mail.kind, MAIL_PERSISTED);
        assert_true(mail.id > newest);
        newest = mail.id;
    }
    struct log_writer_stats stats;
    log_writer_stats(p.writer, &stats);
    assert_int_equal(stats.jobs, WRITES);
    assert_true(stats.syncs <= WRITES);
    log_writer_stop(p.writer);
    p.writer = NULL;
    struct log_block block = {0};
    struct error e;
    assert_int_equal(log_store_read(p.log, &(struct log_range){1, WRITES, SIZE_MAX}, &block, &e),
                     STATUS_OK);
    assert_int_equal(block.count, WRITES);
    log_block_clear(&block);
    place_close(&p);
}

/* However much waits, the next completion is not further away than LOG_GROUP_BYTES_MAX. */
static void groups_are_bounded_in_bytes(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    for (uint64_t i = 1; i <= WRITES; i++) {
        p.jobs[i].bytes = LOG_GROUP_BYTES_MAX / 3 + 1; /* as its entries were that large: two fit */
        assert_int_equal(p.port.submit(p.port.context, &p.jobs[i], false), SUBMIT_QUEUED);
    }
    log_writer_stop(p.writer);
    p.writer = NULL;
    uint64_t newest = 0;
    struct consensus_mail mail;
    while (mailbox_receive(p.inbox, &mail, 1) == 1) {
        assert_in_range(mail.id, newest + 1, newest + 2);
        newest = mail.id;
    }
    place_close(&p);
}

static void what_is_queued_when_it_stops_is_written(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    for (uint64_t i = 1; i <= WRITES; i++)
        p.port.submit(p.port.context, &p.jobs[i], false);
    log_writer_stop(p.writer);
    p.writer = NULL;
    struct log_block block = {0};
    struct error e;
    assert_int_equal(log_store_read(p.log, &(struct log_range){WRITES, WRITES, 1}, &block, &e),
                     STATUS_OK);
    log_block_clear(&block);
    place_close(&p);
}

static void a_write_in_place_is_durable_at_once_and_mails_nothing(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    assert_int_equal(p.port.submit(p.port.context, &p.jobs[1], true), SUBMIT_DONE);
    assert_int_equal(mailbox_count(p.inbox), 0);
    struct log_block block = {0};
    struct error e;
    assert_int_equal(log_store_read(p.log, &(struct log_range){1, 1, 1}, &block, &e), STATUS_OK);
    log_block_clear(&block);
    place_close(&p);
}

/* In a child: what a panic does. */
static void a_failed_write_ends_the_process(void **state)
{
    (void)state;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        struct place p;
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(1);
        place_open(&p);
        kv_mem_disk_fault(p.disk, KV_MEM_FAIL, 1);
        p.port.submit(p.port.context, &p.jobs[1], true);
        _exit(0);
    }
    int outcome;
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_true(WIFSIGNALED(outcome) || WEXITSTATUS(outcome) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(persisted_ids_rise_up_to_the_last_and_groups_form),
        cmocka_unit_test(groups_are_bounded_in_bytes),
        cmocka_unit_test(what_is_queued_when_it_stops_is_written),
        cmocka_unit_test(a_write_in_place_is_durable_at_once_and_mails_nothing),
        cmocka_unit_test(a_failed_write_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
