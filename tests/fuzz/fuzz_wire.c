/* fuzz_wire.c -- frames of peers that are broken, or liars: first the decoder alone, then a whole
 * consensus half on a disk in memory, a node of three that hears mutations of what peers say. No
 * CHECK may be reached, nothing read beyond its end (ASan). Arguments: files, one frame each.
 * Prints its seed; FUZZ_SEED repeats a run. */

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/panic.h"
#include "base/prng.h"
#include "kv/kv_mem.h"
#include "kv/state_store.h"
#include "machine/entry.h"
#include "node/block.h"
#include "node/consensus.h"
#include "node/snapshot.h"
#include "node/wire.h"

#define RUN_US 600000 /* each of the two */
#define INPUT_MAX 65536
#define FRAMES_PER_LIFE 4000
#define SELF 1

static struct wire_frame *scratch;

/* --- frames ----------------------------------------------------------------------------------- */

/* Mostly small, so that they meet what the node has. */
static uint64_t number(struct prng *p)
{
    switch (prng_below(p, 12)) {
    case 0: return 0;
    case 1: return prng_next(p);
    case 2: return UINT64_MAX - prng_below(p, 3);
    default: return prng_below(p, 24);
    }
}

static void make_config(struct buf *to, struct prng *p)
{
    struct raft_config config = {.incoming = {1, {1 + prng_below(p, 3)}}};
    struct address_book book = {0};
    for (uint64_t count = prng_below(p, 6); count > 0; count--) {
        const raft_node node = 1 + prng_below(p, 9);
        switch (prng_below(p, 4)) {
        case 0: node_set_add(&config.outgoing, node); break;
        case 1:
            if (!node_set_has(&config.incoming, node))
                node_set_add(&config.learners, node);
            break;
        default:
            if (!node_set_has(&config.learners, node))
                node_set_add(&config.incoming, node);
        }
        book_set(&book, node, &(struct peer_address){.host = "127.0.0.1", .port = 1});
    }
    const struct members m = {.config = config, .next_node = 10 + number(p) % 100, .level = 1,
                              .spares = config.learners, .book = book};
    members_encode(&m, to);
}

static void make_payload(struct buf *to, struct prng *p, uint8_t kind)
{
    if (kind == RAFT_CONFIG)
        make_config(to, p);
    if (kind != RAFT_DATA)
        return;
    struct buf requests = {0};
    const struct bytes args[] = {BYTES("set"), BYTES("k"), BYTES("v")};
    request_encode(&requests, &(struct request){.kind = REQ_COMMAND, .args = args, .arg_count = 3});
    entry_encode(to, &(struct entry_head){.format = ENTRY_FORMAT, .count = 1, .origin = number(p),
                                          .boot = number(p), .batch = number(p),
                                          .clock_ms = number(p)}, buf_bytes(&requests));
    buf_clear(&requests);
}

static void make_raft(struct buf *to, struct prng *p)
{
    struct raft_message m = {
        .type = (enum raft_message_type)prng_below(p, RAFT_MSG_TIMEOUT_NOW + 1),
        .term = number(p), .index = number(p), .log_term = number(p), .commit_index = number(p),
        .round = number(p), .lease_ms = (uint32_t)number(p), .reject = prng_chance(p, 1, 3),
        .transfer = prng_chance(p, 1, 5), .want_snapshot = prng_chance(p, 1, 5),
    };
    if (prng_chance(p, 1, 2))
        m.type = RAFT_MSG_APPEND;
    struct raft_entry entries[8];
    struct buf payloads = {0}, config = {0};
    if (m.type == RAFT_MSG_APPEND)
        m.entry_count = (uint32_t)prng_below(p, ARRAY_COUNT(entries));
    for (uint32_t i = 0; i < m.entry_count; i++) {
        const uint8_t kind = (uint8_t)prng_below(p, i + 1 == m.entry_count ? 3 : 2);
        const size_t before = payloads.size;
        make_payload(&payloads, p, kind);
        const uint64_t term = prng_chance(p, 1, 8) ? number(p) : m.log_term;
        entries[i] = (struct raft_entry){term, (uint32_t)(payloads.size - before), kind};
    }
    if (m.type == RAFT_MSG_SNAPSHOT)
        make_config(&config, p);
    wire_encode_raft(to, &(struct wire_raft_out){.message = &m, .wall_ms = number(p),
                                                 .entries = entries, .config = buf_bytes(&config)});
    buf_append_bytes(to, buf_bytes(&payloads));
    buf_clear(&payloads);
    buf_clear(&config);
}

static void make_propose(struct buf *to, struct prng *p)
{
    const struct wire_propose propose = {.term = number(p), .boot = number(p),
                                         .previous = number(p), .number = number(p),
                                         .count = (uint32_t)number(p)};
    const struct bytes args[] = {BYTES("get"), BYTES("k")};
    wire_encode_propose(to, &propose);
    request_encode(to, &(struct request){.kind = REQ_COMMAND, .args = args, .arg_count = 2});
}

/* Snapshots of a file or two, mostly of the same few ids, so that some pieces fit. */
static void make_snapshot(struct buf *to, struct prng *p)
{
    const uint64_t id = 1 + prng_below(p, 2);
    struct buf config = {0}, files = {0};
    struct snapshot_file file[2] = {{.name = "ROWS", .size = prng_below(p, 40)},
                                    {.name = "a", .size = number(p)}};
    const struct snapshot_files all = {.files = file, .count = 1 + (uint32_t)prng_below(p, 2)};
    uint8_t data[64] = {0};
    const struct bytes piece = bytes_of(data, prng_below(p, sizeof(data)));
    switch (prng_below(p, 3)) {
    case 0:
        make_config(&config, p);
        snapshot_files_encode(&all, &files);
        wire_encode_snapshot_offer(to, &(struct wire_snapshot_offer){
            .term = number(p), .id = id, .index = number(p), .log_term = number(p),
            .config = buf_bytes(&config), .files = buf_bytes(&files)});
        break;
    case 1:
        wire_encode_snapshot_chunk(to, &(struct wire_snapshot_chunk){
            .id = id, .position = number(p), .crc = crc32c(0, piece)});
        buf_append_bytes(to, piece);
        break;
    default:
        wire_encode_snapshot_ack(to, &(struct wire_snapshot_ack){
            id, number(p), (uint8_t)prng_below(p, 5)});
    }
    buf_clear(&config);
    buf_clear(&files);
}

static void make_frame(struct buf *to, struct prng *p)
{
    struct wire_admin admin = {.boot = number(p), .id = number(p), .node = number(p),
                               .op = (uint8_t)prng_below(p, 4),
                               .address = {.host = "127.0.0.1", .port = (uint16_t)number(p)}};
    struct buf config = {0};
    switch (prng_below(p, 16)) {
    case 14: wire_encode_relay(to, &(struct wire_relay){
                 number(p), number(p), number(p), number(p), BYTES_NONE});
             buf_append_string(to, "relayed"); break;
    case 15: wire_encode_commit_wanted(to); break;
    case 12:
    case 13: make_snapshot(to, p); break;
    case 0: make_propose(to, p); break;
    case 1: wire_encode_propose_from(to, &(struct wire_propose_from){
                number(p), number(p), number(p), prng_chance(p, 1, 2)}); break;
    case 2: wire_encode_read(to, &(struct wire_read){number(p), number(p)}); break;
    case 3: wire_encode_read_reply(to, &(struct wire_read_reply){
                number(p), number(p), number(p), number(p), prng_chance(p, 1, 2)}); break;
    case 4:
        make_config(&config, p);
        wire_encode_introduce(to, &(struct wire_introduce){.node = number(p)}, buf_bytes(&config));
        break;
    case 5: wire_encode_admin(to, &admin); break;
    case 6: wire_encode_admin_reply(to, &(struct wire_admin_reply){
                .boot = number(p), .id = number(p), .text = "OK"}); break;
    default: make_raft(to, p); break;
    }
    buf_clear(&config);
    if (!prng_chance(p, 1, 4) || to->size == 0)
        return;
    for (uint64_t flips = prng_below(p, 4); flips > 0; flips--)
        buf_data(to)[prng_below(p, to->size)] = (uint8_t)prng_next(p);
    if (prng_chance(p, 1, 3))
        buf_truncate(to, (size_t)prng_below(p, to->size + 1));
}

/* An exact copy on the heap: a read behind its end is one outside of the allocation. */
static void try_decoder(struct bytes input)
{
    struct block *copy = block_new(input);
    wire_decode(block_bytes(copy), scratch);
    block_unref(copy);
}

/* --- a node ----------------------------------------------------------------------------------- */

struct node {
    struct kv_mem_disk *disk;
    struct log_store *log;
    struct state_store *state;
    struct mailbox *inbox, *outbox;
    struct consensus *consensus;
    uint64_t now_us, applied;
    struct job *jobs[64];
    size_t job_count;
};

static uint64_t wall_ms(void *context) { return ((struct node *)context)->now_us / 1000; }
static uint64_t boot_us(void *context) { return ((struct node *)context)->now_us; }

static void port_send(void *context, uint64_t to, enum peer_channel channel,
                      const struct bytes *parts, size_t part_count)
{
    (void)context;
    (void)to;
    (void)channel;
    (void)parts;
    (void)part_count;
}

static void port_peer(void *context, uint64_t node, const struct peer_address *address)
{
    (void)context;
    (void)node;
    (void)address;
}

static enum submitted port_write(void *context, const struct log_job *job, bool in_place)
{
    struct node *n = context;
    struct error e;
    const enum status status = log_store_write(n->log, job->write, 1, &e);
    CHECK(status == STATUS_OK);
    if (in_place)
        return SUBMIT_DONE;
    const struct consensus_mail mail = {.kind = MAIL_PERSISTED, .id = job->id};
    const bool sent = mailbox_send(n->inbox, &mail);
    CHECK(sent);
    return SUBMIT_QUEUED;
}

static void port_work(void *context, enum worker worker, struct job *job)
{
    struct node *n = context;
    (void)worker;
    CHECK(n->job_count < ARRAY_COUNT(n->jobs));
    n->jobs[n->job_count++] = job;
}

static void node_open(struct node *n, uint64_t seed)
{
    *n = (struct node){.disk = kv_mem_disk_new(seed), .now_us = 1000000};
    n->inbox = mailbox_new(sizeof(struct consensus_mail), TO_CONSENSUS_MAX);
    n->outbox = mailbox_new(sizeof(struct shard_mail), TO_SHARD_MAX);
    const struct log_store_options store = {.disk = kv_mem_disk(n->disk), .dir = "n"};
    struct log_recovered found;
    struct error e;
    enum status status = log_store_open(&store, &n->log, &found, &e);
    CHECK(status == STATUS_OK);
    found.identity = (struct log_identity){.cluster_id = "0123456789abcde", .node_id = SELF};
    status = disk_make_dir(store.disk, "n", &e);
    CHECK(status == STATUS_OK);
    const struct state_store_options state = {.disk = store.disk, .dir = "n"};
    status = state_store_open(&state, &n->state, &e);
    CHECK(status == STATUS_OK);
    status = log_store_identify(n->log, &found.identity, &e);
    CHECK(status == STATUS_OK);
    const struct consensus_options options = {
        .log = n->log, .state = n->state, .disk = store.disk,
        .recovered = &found, .inbox = n->inbox, .outbox = n->outbox,
        .clock = {n, wall_ms, boot_us}, .transport = {n, port_send, port_peer},
        .log_writer = {n, port_write}, .workers = {n, port_work}, .tick_ms = 10,
        .heartbeat_ticks = 5, .election_ticks = 20, .seed = seed, .cache_bytes = 2048,
        .self = {.host = "127.0.0.1", .port = 1}, .cluster_init = true,
    };
    status = consensus_open(&options, &n->consensus, &e);
    CHECK(status == STATUS_OK);
    log_recovered_clear(&found);
}

static void node_close(struct node *n)
{
    consensus_close(n->consensus);
    log_store_close(n->log);
    state_store_close(n->state);
    struct shard_mail mail;
    while (mailbox_receive(n->outbox, &mail, 1) == 1)
        block_unref(mail.block);
    mailbox_free(n->inbox);
    mailbox_free(n->outbox);
    kv_mem_disk_free(n->disk);
}

static void node_turn(struct node *n)
{
    while (n->job_count > 0) {
        struct job *job = n->jobs[--n->job_count];
        job->work(job);
        job->done(job);
    }
    consensus_turn(n->consensus);
    struct shard_mail mail;
    while (mailbox_receive(n->outbox, &mail, 1) == 1) {
        if (mail.kind == MAIL_COMMITTED) {
            CHECK(mail.index == n->applied + 1);
            n->applied = mail.index;
        }
        block_unref(mail.block);
    }
    const struct consensus_mail applied = {.kind = MAIL_APPLIED, .index = n->applied};
    const bool sent = mailbox_send(n->inbox, &applied);
    CHECK(sent);
}

static void try_node(struct prng *p, uint64_t *frames)
{
    struct node n;
    node_open(&n, prng_next(p));
    for (int i = 0; i < FRAMES_PER_LIFE; i++, ++*frames) {
        struct buf frame = {0};
        make_frame(&frame, p);
        consensus_receive(n.consensus, prng_below(p, 6), buf_bytes(&frame));
        buf_clear(&frame);
        if (prng_chance(p, 1, 3)) {
            n.now_us += prng_below(p, 30000);
            node_turn(&n);
        }
        if (prng_chance(p, 1, 50))
            consensus_peer_event(n.consensus, number(p), (enum peer_channel)prng_below(p, 2),
                                 (enum peer_event)prng_below(p, 3));
    }
    node_turn(&n);
    node_close(&n);
}

static void run_by_chance(void)
{
    const char *given = getenv("FUZZ_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : clock_wall_us();
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    struct prng p;
    prng_seed(&p, seed);
    uint64_t decoded = 0, heard = 0;
    for (const uint64_t end = clock_boot_us() + RUN_US; clock_boot_us() < end; decoded++) {
        struct buf frame = {0};
        make_frame(&frame, &p);
        try_decoder(buf_bytes(&frame));
        buf_clear(&frame);
    }
    for (const uint64_t end = clock_boot_us() + RUN_US; clock_boot_us() < end;)
        try_node(&p, &heard);
    printf("%llu frames decoded, %llu heard\n", (unsigned long long)decoded,
           (unsigned long long)heard);
}

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    uint8_t *data = xmalloc(INPUT_MAX);
    const size_t size = fread(data, 1, INPUT_MAX, file);
    fclose(file);
    try_decoder(bytes_of(data, size));
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    scratch = xcalloc(1, sizeof(*scratch));
    log_set_level(LOG_OFF);
    if (argc == 1)
        run_by_chance();
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= run_file(argv[i]);
    free(scratch);
    return failed;
}
