/* sim_relay.c -- nodes tell each other numbered notes of what they had applied (node/relay.c).
 * Checked where one is heard: the hearer has applied as much; the notes of a life rise; none is
 * missing without a word of it. In one seed of four, so that the others stay what they were. */

#include "sim/sim.h"

#include "base/encode.h"

#define NOTE_EVERY 5 /* turns of the shard */

void sim_relay_turn(struct sim *s, struct sim_node *n)
{
    struct sim_relay *relay = &n->relay;
    if (s->options.seed % 4 != 3 || ++relay->turns % NOTE_EVERY != 0)
        return;
    struct shard_status status;
    shard_status(n->shard, &status);
    uint8_t note[24];
    put_le64(note, n->boot);
    put_le64(note + 8, ++relay->told);
    put_le64(note + 16, status.applied_index);
    volatile bool sent = false;
    SIM_RUN_NODE(s, n, sent = shard_relay(n->shard, 0, bytes_of(note, sizeof(note))));
    if (!sent)
        relay->told--;
}

static struct sim_heard *heard_of(struct sim_node *n, uint64_t node)
{
    struct sim_heard *heard = &n->relay.heard[node % SIM_HEARD_MAX];
    if (heard->node != node)
        *heard = (struct sim_heard){.node = node, .is_excused = true};
    return heard;
}

static void hear(struct sim_node *n, uint64_t node, struct reader *r)
{
    struct sim_heard *heard = heard_of(n, node);
    struct shard_status status;
    shard_status(n->shard, &status);
    const uint64_t boot = reader_le64(r), number = reader_le64(r), applied = reader_le64(r);
    CHECK(!r->failed);
    CHECK(status.applied_index >= applied);
    CHECK(boot >= heard->boot);
    if (boot == heard->boot) {
        CHECK(number > heard->number);
        if (number != heard->number + 1)
            CHECK(heard->is_excused);
    }
    heard->boot = boot;
    heard->number = number;
    heard->is_excused = false;
    n->sim->notes++;
}

void sim_relayed(void *context, uint64_t node, enum relay_kind kind, struct bytes bytes)
{
    struct sim_node *n = context;
    struct reader r;
    reader_init(&r, bytes);
    switch (kind) {
    case RELAY_BYTES:
        while (reader_left(&r) > 0)
            hear(n, node, &r);
        return;
    case RELAY_BEGINS:
    case RELAY_LOST:
        heard_of(n, node)->is_excused = true;
        return;
    case RELAY_UP:
    case RELAY_DOWN:
        return;
    }
}
