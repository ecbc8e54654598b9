/* test_wire.c -- every frame comes back as it was; what makes no sense does not come back. */

#include "test.h"

#include <stdlib.h>

#include "base/encode.h"
#include "base/panic.h"
#include "machine/entry.h"
#include "node/mail.h"
#include "node/snapshot.h"
#include "node/wire.h"

static struct wire_frame *decoded; /* large */
static struct buf frame;

static int open_all(void **state)
{
    (void)state;
    decoded = xcalloc(1, sizeof(*decoded));
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    free(decoded);
    buf_clear(&frame);
    return 0;
}

static const struct raft_config joint = {
    .incoming = {3, {1, 2, 9}},
    .outgoing = {2, {1, 3}},
    .learners = {1, {4}},
};

static void encode_members(struct buf *to)
{
    struct address_book book = {0};
    book_set(&book, 1, &(struct peer_address){.host = "10.0.0.1", .port = 17001});
    book_set(&book, 9, &(struct peer_address){.host = "nine.example", .port = 65535});
    const struct members m = {
        .config = joint, .next_node = 10, .level = 7, .spares = {1, {4}}, .book = book};
    members_encode(&m, to);
}

/* The bytes as members.h describes them: they are in the log of every node. */
static void a_configuration_has_these_bytes(void **state)
{
    (void)state;
    const struct raft_config config = {.incoming = {1, {2}}, .learners = {1, {3}}};
    struct address_book book = {0};
    book_set(&book, 2, &(struct peer_address){.host = "ab", .port = 0x1234});
    struct buf payload = {0};
    members_encode(&(struct members){.config = config, .next_node = 4, .level = 9, .book = book},
                   &payload);
    const uint8_t want[] = {
        2, 9, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2,
        2, 0, 0, 0, 0, 0, 0, 0, 1, 0x34, 0x12, 2, 'a', 'b',
        3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0,
    };
    assert_int_equal(payload.size, sizeof(want));
    assert_memory_equal(buf_data(&payload), want, sizeof(want));
    buf_clear(&payload);
}

static void a_configuration_comes_back(void **state)
{
    (void)state;
    struct buf payload = {0};
    encode_members(&payload);
    struct members m;
    assert_true(members_decode(buf_bytes(&payload), &m));
    assert_int_equal(m.next_node, 10);
    assert_int_equal(m.level, 7);
    const struct raft_node_list { const struct raft_set *got, *want; } sets[] = {
        {&m.config.incoming, &joint.incoming},
        {&m.config.outgoing, &joint.outgoing},
        {&m.config.learners, &joint.learners},
        {&m.spares, &joint.learners},
    };
    for (size_t i = 0; i < ARRAY_COUNT(sets); i++) {
        assert_int_equal(sets[i].got->count, sets[i].want->count);
        for (uint32_t n = 0; n < sets[i].want->count; n++)
            assert_true(node_set_has(sets[i].got, sets[i].want->node[n]));
    }
    assert_int_equal(m.book.count, 2);
    assert_string_equal(book_find(&m.book, 9)->host, "nine.example");
    assert_int_equal(book_find(&m.book, 9)->port, 65535);
    assert_null(book_find(&m.book, 2));
    buf_clear(&payload);
}

/* As builds wrote it before there were levels, and those that know no other read it. */
static void a_configuration_of_the_first_level_has_format_1(void **state)
{
    (void)state;
    const uint8_t old[] = {
        1, 4, 0, 0, 0, 0, 0, 0, 0, 1,
        2, 0, 0, 0, 0, 0, 0, 0, 1, 0x34, 0x12, 2, 'a', 'b',
    };
    struct members m;
    assert_true(members_decode(bytes_of(old, sizeof(old)), &m));
    assert_int_equal(m.level, FEATURE_LEVEL_FIRST);
    assert_int_equal(m.next_node, 4);
    assert_int_equal(book_find(&m.book, 2)->port, 0x1234);
    assert_int_equal(config_level(bytes_of(old, sizeof(old))), FEATURE_LEVEL_FIRST);
    struct buf payload = {0};
    members_encode(&m, &payload);
    assert_int_equal(payload.size, sizeof(old));
    assert_memory_equal(buf_data(&payload), old, sizeof(old));
    buf_clear(&payload);
}

/* However it goes on: an older build must be able to say what is wrong. */
static void the_level_of_a_newer_format_can_be_named(void **state)
{
    (void)state;
    const uint8_t newer[] = {3, 8, 0, 0, 0, 'w', 'h', 'o', '?'};
    struct members m;
    struct error e;
    assert_int_equal(config_level(bytes_of(newer, sizeof(newer))), 8);
    assert_int_equal(config_level(bytes_of(newer, 4)), 0);
    assert_int_equal(members_read(bytes_of(newer, sizeof(newer)), 7, &m, &e), STATUS_INVALID);
    assert_non_null(strstr(e.text, "run the newer version"));
    assert_int_equal(members_read(bytes_of(newer, sizeof(newer)), 8, &m, &e), STATUS_CORRUPT);
    buf_reset(&frame);
    wire_encode_removed(&frame, 5, bytes_of(newer, sizeof(newer)));
    assert_false(wire_decode(buf_bytes(&frame), decoded));
    assert_int_equal(decoded->level, 8);
    buf_reset(&frame);
    wire_encode_commit_wanted(&frame);
    assert_true(wire_decode(buf_bytes(&frame), decoded));
    assert_int_equal(decoded->level, 0);
}

static void no_part_of_a_configuration_is_one(void **state)
{
    (void)state;
    struct buf payload = {0};
    encode_members(&payload);
    struct members m;
    for (size_t size = 0; size < payload.size; size++)
        assert_false(members_decode(bytes_of(buf_data(&payload), size), &m));
    buf_append_u8(&payload, 0);
    assert_false(members_decode(buf_bytes(&payload), &m));
    buf_clear(&payload);
}

static void configurations_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct buf payload = {0};
    const struct raft_config config = {.incoming = {2, {2, 3}}};
    members_encode(&(struct members){.config = config, .next_node = 4, .level = 2}, &payload);
    uint8_t *bytes = buf_data(&payload);
    struct members m;
    assert_true(members_decode(buf_bytes(&payload), &m));
    const struct { size_t at; uint8_t value; } changes[] = {
        {0, 0},       /* format */
        {0, 3},
        {1, 0},       /* no level */
        {5, 3},       /* next_node is used already */
        {13, 16},     /* more members than there may be */
        {14, 0},      /* node 0 */
        {14, 3},      /* the same node twice */
        {14 + 8, 0},  /* no role */
        {14 + 8, 16}, /* a role that does not exist */
        {14 + 8, 9},  /* a spare that is no learner */
        {14 + 8, 5},  /* voter and learner at once */
    };
    for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
        const uint8_t was = bytes[changes[i].at];
        bytes[changes[i].at] = changes[i].value;
        assert_false(members_decode(buf_bytes(&payload), &m));
        bytes[changes[i].at] = was;
    }
    bytes[14 + 8] = bytes[26 + 8] = 4; /* learners alone */
    assert_false(members_decode(buf_bytes(&payload), &m));
    buf_clear(&payload);
}

static void assert_decodes(enum wire_type type)
{
    assert_true(wire_decode(buf_bytes(&frame), decoded));
    assert_int_equal(decoded->type, type);
    static struct wire_frame other;
    /* no shorter one does, nor a longer one, but where the rest is a batch's own bytes */
    for (size_t size = 0; size < frame.size; size++)
        if (type != WIRE_PROPOSE || size < 38)
            assert_false(wire_decode(bytes_of(buf_data(&frame), size), &other));
    if (type != WIRE_PROPOSE) {
        buf_append_u8(&frame, 0);
        assert_false(wire_decode(buf_bytes(&frame), &other));
        buf_truncate(&frame, frame.size - 1);
    }
    buf_data(&frame)[0]++;
    assert_false(wire_decode(buf_bytes(&frame), &other));
    buf_data(&frame)[0]--;
}

static void a_message_of_each_kind_comes_back(void **state)
{
    (void)state;
    for (int type = RAFT_MSG_PRE_VOTE; type <= RAFT_MSG_TIMEOUT_NOW; type++) {
        const struct raft_message m = {
            .type = (enum raft_message_type)type, .term = 1, .index = UINT64_MAX, .log_term = 3,
            .commit_index = 4, .round = 5, .lease_ms = 6, .reject = type % 2 == 0,
            .transfer = type % 3 == 0, .want_snapshot = type % 5 == 0,
        };
        struct buf config = {0};
        if (type == RAFT_MSG_SNAPSHOT)
            encode_members(&config);
        const struct wire_raft_out out = {
            .message = &m, .wall_ms = 77, .space = SPACE_NONE, .config = buf_bytes(&config)};
        buf_reset(&frame);
        wire_encode_raft(&frame, &out);
        assert_decodes(WIRE_RAFT);
        const struct raft_message *got = &decoded->raft.message;
        assert_int_equal(got->type, type);
        assert_int_equal(got->term, 1);
        assert_true(got->index == UINT64_MAX);
        assert_int_equal(got->log_term, 3);
        assert_int_equal(got->commit_index, 4);
        assert_int_equal(got->round, 5);
        assert_int_equal(got->lease_ms, 6);
        assert_int_equal(got->reject, m.reject);
        assert_int_equal(got->transfer, m.transfer);
        assert_int_equal(got->want_snapshot, m.want_snapshot);
        assert_int_equal(decoded->raft.wall_ms, 77);
        assert_int_equal(decoded->raft.space, SPACE_NONE);
        assert_int_equal(got->config != NULL, type == RAFT_MSG_SNAPSHOT);
        buf_clear(&config);
    }
}

/* An APPEND of kinds[i] entries, the CONFIG ones with a real payload. */
static void encode_append(const uint8_t *kinds, uint32_t count)
{
    struct raft_message m = {.type = RAFT_MSG_APPEND, .term = 7, .entry_count = count};
    struct raft_entry entries[4];
    struct buf payloads = {0}, config = {0};
    encode_members(&config);
    for (uint32_t i = 0; i < count; i++) {
        const struct bytes payload = kinds[i] == RAFT_NOOP ? BYTES_NONE
                                     : kinds[i] == RAFT_CONFIG ? buf_bytes(&config)
                                                               : BYTES("payload");
        entries[i] = (struct raft_entry){7 + i, (uint32_t)payload.size, kinds[i]};
        buf_append_bytes(&payloads, payload);
    }
    buf_reset(&frame);
    wire_encode_raft(&frame, &(struct wire_raft_out){.message = &m, .entries = entries});
    buf_append_bytes(&frame, buf_bytes(&payloads));
    buf_clear(&payloads);
    buf_clear(&config);
}

static void an_append_brings_its_entries(void **state)
{
    (void)state;
    encode_append((const uint8_t[]){RAFT_NOOP, RAFT_DATA, RAFT_DATA, RAFT_CONFIG}, 4);
    assert_decodes(WIRE_RAFT);
    const struct wire_raft *got = &decoded->raft;
    assert_int_equal(got->message.entry_count, 4);
    assert_ptr_equal(got->message.entries, got->entries);
    assert_int_equal(got->entries[3].term, 10);
    assert_int_equal(got->entries[1].kind, RAFT_DATA);
    assert_true(bytes_equal(got->payloads[2], BYTES("payload")));
    assert_non_null(got->message.config);
    assert_int_equal(got->message.config->incoming.count, 3);
}

static void appends_that_cannot_be_are_refused(void **state)
{
    (void)state;
    encode_append((const uint8_t[]){RAFT_CONFIG, RAFT_DATA}, 2); /* CONFIG is the last */
    assert_false(wire_decode(buf_bytes(&frame), decoded));
    encode_append((const uint8_t[]){RAFT_DATA}, 1);
    assert_true(wire_decode(buf_bytes(&frame), decoded));
    const size_t count_at = 56, kind_at = count_at + 4 + 8;
    uint8_t *bytes = buf_data(&frame);
    assert_int_equal(get_le32(bytes + count_at), 1);
    bytes[kind_at] = 3; /* no such kind */
    assert_false(wire_decode(buf_bytes(&frame), decoded));
    bytes[kind_at] = RAFT_NOOP; /* a NOOP with content */
    assert_false(wire_decode(buf_bytes(&frame), decoded));
    bytes[kind_at] = RAFT_DATA;
    put_le32(bytes + count_at, RAFT_APPEND_ENTRIES_MAX + 1);
    assert_false(wire_decode(buf_bytes(&frame), decoded));
    put_le32(bytes + count_at, UINT32_MAX);
    assert_false(wire_decode(buf_bytes(&frame), decoded));
    put_le32(bytes + count_at, 1);
    bytes[2] = RAFT_MSG_HEARTBEAT; /* brings no entries */
    assert_false(wire_decode(buf_bytes(&frame), decoded));
}

static void a_batch_and_its_answer_come_back(void **state)
{
    (void)state;
    buf_reset(&frame);
    wire_encode_propose(&frame, &(struct wire_propose){.term = 1, .boot = 2, .previous = 3,
                                                       .number = 4, .count = 5});
    buf_append_string(&frame, "batch");
    assert_decodes(WIRE_PROPOSE);
    const struct wire_propose *p = &decoded->propose;
    assert_int_equal(p->term, 1);
    assert_int_equal(p->boot, 2);
    assert_int_equal(p->previous, 3);
    assert_int_equal(p->number, 4);
    assert_int_equal(p->count, 5);
    assert_true(bytes_equal(p->block, BYTES("batch")));

    buf_reset(&frame);
    wire_encode_propose_from(&frame, &(struct wire_propose_from){1, 2, 3, true});
    assert_decodes(WIRE_PROPOSE_FROM);
    assert_int_equal(decoded->propose_from.term, 1);
    assert_int_equal(decoded->propose_from.boot, 2);
    assert_int_equal(decoded->propose_from.last, 3);
    assert_true(decoded->propose_from.busy);
}

static void batches_out_of_order_or_empty_are_refused(void **state)
{
    (void)state;
    const struct wire_propose nonsense[] = {
        {.term = 1, .boot = 2, .previous = 4, .number = 4, .count = 1},
        {.term = 1, .boot = 0, .previous = 3, .number = 4, .count = 1},
        {.term = 1, .boot = 2, .previous = 3, .number = 4, .count = 0},
        {.term = 1, .boot = 2, .previous = 3, .number = 4, .count = 65536},
    };
    for (size_t i = 0; i < ARRAY_COUNT(nonsense); i++) {
        buf_reset(&frame);
        wire_encode_propose(&frame, &nonsense[i]);
        assert_false(wire_decode(buf_bytes(&frame), decoded));
    }
}

static void a_read_and_its_answer_come_back(void **state)
{
    (void)state;
    buf_reset(&frame);
    wire_encode_read(&frame, &(struct wire_read){1, 2});
    assert_decodes(WIRE_READ);
    assert_int_equal(decoded->read.boot, 1);
    assert_int_equal(decoded->read.read_id, 2);

    buf_reset(&frame);
    wire_encode_read_reply(&frame, &(struct wire_read_reply){1, 2, 3, 4, true});
    assert_decodes(WIRE_READ_REPLY);
    assert_int_equal(decoded->read_reply.boot, 1);
    assert_int_equal(decoded->read_reply.read_id, 2);
    assert_int_equal(decoded->read_reply.index, 3);
    assert_int_equal(decoded->read_reply.clock_ms, 4);
    assert_true(decoded->read_reply.ok);
}

static void an_introduction_comes_back(void **state)
{
    (void)state;
    struct buf members = {0};
    encode_members(&members);
    buf_reset(&frame);
    const struct wire_introduce introduce = {
        .cluster_id = "0123456789abcde", .hash_key = "fedcba987654321", .node = 9};
    wire_encode_introduce(&frame, &introduce, buf_bytes(&members));
    assert_decodes(WIRE_INTRODUCE);
    assert_memory_equal(decoded->introduce.cluster_id, "0123456789abcde", 16);
    assert_memory_equal(decoded->introduce.hash_key, "fedcba987654321", 16);
    assert_int_equal(decoded->introduce.node, 9);
    assert_int_equal(decoded->introduce.members.next_node, 10);
    buf_clear(&members);
}

static void an_administration_request_and_its_answer_come_back(void **state)
{
    (void)state;
    buf_reset(&frame);
    wire_encode_admin(&frame, &(struct wire_admin){.boot = 1, .id = 2, .node = 3, .op = ADMIN_ADD,
                                                   .address = {.host = "h", .port = 4}});
    assert_decodes(WIRE_ADMIN);
    assert_int_equal(decoded->admin.boot, 1);
    assert_int_equal(decoded->admin.id, 2);
    assert_int_equal(decoded->admin.node, 3);
    assert_int_equal(decoded->admin.op, ADMIN_ADD);
    assert_string_equal(decoded->admin.address.host, "h");
    assert_int_equal(decoded->admin.address.port, 4);

    struct wire_admin_reply reply = {.boot = 1, .id = 2, .ok = true};
    memset(reply.text, 'x', sizeof(reply.text) - 1);
    buf_reset(&frame);
    wire_encode_admin_reply(&frame, &reply);
    assert_decodes(WIRE_ADMIN_REPLY);
    assert_int_equal(decoded->admin_reply.boot, 1);
    assert_int_equal(decoded->admin_reply.id, 2);
    assert_true(decoded->admin_reply.ok);
    assert_string_equal(decoded->admin_reply.text, reply.text);

    buf_reset(&frame); /* a status is asked of the own node alone */
    wire_encode_admin(&frame, &(struct wire_admin){.op = ADMIN_STATUS});
    assert_false(wire_decode(buf_bytes(&frame), decoded));
}

static const struct snapshot_file some_files[] = {
    {.name = "CURRENT", .begin = 0, .size = 16},
    {.name = "000007.sst", .begin = 16, .size = 5000000000},
    {.name = "empty", .begin = 5000000016, .size = 0},
    {.name = "MANIFEST-000005", .begin = 5000000016, .size = 1},
};

static void encode_files(struct buf *to)
{
    const struct snapshot_files files = {
        .files = (struct snapshot_file *)some_files, .count = ARRAY_COUNT(some_files)};
    snapshot_files_encode(&files, to);
}

static void the_frames_of_a_snapshot_come_back(void **state)
{
    (void)state;
    struct buf config = {0}, files = {0};
    encode_members(&config);
    encode_files(&files);
    buf_reset(&frame);
    wire_encode_snapshot_offer(&frame, &(struct wire_snapshot_offer){
        .term = 4, .id = 5, .index = 6, .log_term = 3, .config = buf_bytes(&config),
        .files = buf_bytes(&files)});
    assert_true(wire_decode(buf_bytes(&frame), decoded));
    assert_int_equal(decoded->type, WIRE_SNAPSHOT_OFFER);
    assert_int_equal(decoded->offer.term, 4);
    assert_int_equal(decoded->offer.id, 5);
    assert_int_equal(decoded->offer.index, 6);
    assert_int_equal(decoded->offer.log_term, 3);
    assert_true(bytes_equal(decoded->offer.config, buf_bytes(&config)));
    assert_true(bytes_equal(decoded->offer.files, buf_bytes(&files)));
    assert_int_equal(decoded->offer.members.next_node, 10);

    buf_reset(&frame);
    wire_encode_snapshot_chunk(&frame, &(struct wire_snapshot_chunk){5, 16, 0x12345678, {0}});
    buf_append_bytes(&frame, BYTES("bytes"));
    assert_true(wire_decode(buf_bytes(&frame), decoded));
    assert_int_equal(decoded->type, WIRE_SNAPSHOT_CHUNK);
    assert_int_equal(decoded->chunk.id, 5);
    assert_int_equal(decoded->chunk.position, 16);
    assert_int_equal(decoded->chunk.crc, 0x12345678);
    assert_true(bytes_equal(decoded->chunk.data, BYTES("bytes")));
    buf_truncate(&frame, frame.size - 5);
    assert_false(wire_decode(buf_bytes(&frame), decoded)); /* a piece of nothing */

    buf_reset(&frame);
    wire_encode_snapshot_ack(&frame, &(struct wire_snapshot_ack){5, 17, ACK_REFUSED});
    assert_decodes(WIRE_SNAPSHOT_ACK);
    assert_int_equal(decoded->ack.id, 5);
    assert_int_equal(decoded->ack.position, 17);
    assert_int_equal(decoded->ack.state, ACK_REFUSED);
    buf_data(&frame)[frame.size - 1] = ACK_REFUSED + 1;
    assert_false(wire_decode(buf_bytes(&frame), decoded));
    buf_clear(&config);
    buf_clear(&files);
}

static void relayed_bytes_come_back_as_they_were(void **state)
{
    (void)state;
    buf_reset(&frame);
    const struct wire_relay relay = {.boot = 3, .stream = 2, .sequence = 9, .stamp = 70};
    wire_encode_relay(&frame, &relay);
    assert_false(wire_decode(buf_bytes(&frame), decoded)); /* of nothing */
    buf_append_string(&frame, "words");
    assert_true(wire_decode(buf_bytes(&frame), decoded));
    assert_int_equal(decoded->type, WIRE_RELAY);
    assert_int_equal(decoded->relay.boot, 3);
    assert_int_equal(decoded->relay.sequence, 9);
    assert_int_equal(decoded->relay.stamp, 70);
    assert_true(bytes_equal(decoded->relay.payload, BYTES("words")));
    assert_int_equal(decoded->relay.stream, 2);
    struct buf wanted = {0};
    static struct wire_frame other;
    wire_encode_commit_wanted(&wanted);
    assert_true(wire_decode(buf_bytes(&wanted), &other));
    assert_int_equal(other.type, WIRE_COMMIT_WANTED);
    buf_append_u8(&wanted, 0);
    assert_false(wire_decode(buf_bytes(&wanted), &other));
    buf_clear(&wanted);
    buf_data(&frame)[18] = 0; /* sequence 0 */
    assert_false(wire_decode(buf_bytes(&frame), decoded));
}

static void a_position_finds_its_file(void **state)
{
    (void)state;
    struct buf encoded = {0};
    encode_files(&encoded);
    struct snapshot_files files;
    struct error e;
    for (size_t size = 0; size < encoded.size; size++)
        assert_int_equal(snapshot_files_decode(bytes_of(buf_data(&encoded), size), &files, &e),
                         STATUS_BAD_MESSAGE);
    assert_int_equal(snapshot_files_decode(buf_bytes(&encoded), &files, &e), STATUS_OK);
    assert_int_equal(files.count, ARRAY_COUNT(some_files));
    assert_int_equal(files.bytes, 5000000017);
    assert_string_equal(snapshot_file_at(&files, 0)->name, "CURRENT");
    assert_string_equal(snapshot_file_at(&files, 15)->name, "CURRENT");
    assert_string_equal(snapshot_file_at(&files, 16)->name, "000007.sst");
    assert_string_equal(snapshot_file_at(&files, 5000000015)->name, "000007.sst");
    assert_string_equal(snapshot_file_at(&files, 5000000016)->name, "MANIFEST-000005");
    snapshot_files_clear(&files);
    buf_clear(&encoded);
}

static void files_outside_of_their_directory_are_refused(void **state)
{
    (void)state;
    const char *const bad[] = {"", ".", "..", "../CURRENT", "a/b", ".hidden", "a b", "a\\b"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct buf encoded = {0};
        struct snapshot_file file = {.size = 1};
        strcpy(file.name, bad[i]);
        snapshot_files_encode(&(struct snapshot_files){.files = &file, .count = 1}, &encoded);
        struct snapshot_files files;
        struct error e;
        assert_int_equal(snapshot_files_decode(buf_bytes(&encoded), &files, &e),
                         STATUS_BAD_MESSAGE);
        buf_clear(&encoded);
    }
    struct buf encoded = {0};
    struct snapshot_file huge[2] = {{.name = "a", .size = INT64_MAX}, {.name = "b", .size = 1}};
    snapshot_files_encode(&(struct snapshot_files){.files = huge, .count = 2}, &encoded);
    struct snapshot_files files;
    struct error e;
    assert_int_equal(snapshot_files_decode(buf_bytes(&encoded), &files, &e), STATUS_BAD_MESSAGE);
    struct snapshot_file twice[3] = {
        {.name = "a", .size = 1}, {.name = "b", .size = 1}, {.name = "a", .size = 1}};
    buf_reset(&encoded);
    snapshot_files_encode(&(struct snapshot_files){.files = twice, .count = 3}, &encoded);
    assert_int_equal(snapshot_files_decode(buf_bytes(&encoded), &files, &e), STATUS_BAD_MESSAGE);
    assert_string_equal(e.text, "its file a is there twice");
    buf_clear(&encoded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_has_these_bytes),
        cmocka_unit_test(a_configuration_comes_back),
        cmocka_unit_test(a_configuration_of_the_first_level_has_format_1),
        cmocka_unit_test(the_level_of_a_newer_format_can_be_named),
        cmocka_unit_test(no_part_of_a_configuration_is_one),
        cmocka_unit_test(configurations_that_cannot_be_are_refused),
        cmocka_unit_test(a_message_of_each_kind_comes_back),
        cmocka_unit_test(an_append_brings_its_entries),
        cmocka_unit_test(appends_that_cannot_be_are_refused),
        cmocka_unit_test(a_batch_and_its_answer_come_back),
        cmocka_unit_test(batches_out_of_order_or_empty_are_refused),
        cmocka_unit_test(a_read_and_its_answer_come_back),
        cmocka_unit_test(an_introduction_comes_back),
        cmocka_unit_test(an_administration_request_and_its_answer_come_back),
        cmocka_unit_test(the_frames_of_a_snapshot_come_back),
        cmocka_unit_test(relayed_bytes_come_back_as_they_were),
        cmocka_unit_test(a_position_finds_its_file),
        cmocka_unit_test(files_outside_of_their_directory_are_refused),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
