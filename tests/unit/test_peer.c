/* test_peer.c -- the peer channel over real sockets: who gets in, who does not, what breaks. The
 * consensus half is played by the test. */

#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/panic.h"
#include "node/block.h"
#include "node/consensus.h"
#include "server/peer.h"
#include "server/peer_hello.h"

/* --- the consensus half ----------------------------------------------------------------------- */

struct consensus {
    unsigned up[2], broken[2], refused[2];
    uint64_t frames, bytes, from;
    struct block *last;
    struct peer_address told;
    uint64_t told_node;
    bool is_guess;
    uint32_t level;          /* in force */
    struct peer_build build; /* told last */
};

void consensus_receive_block(struct consensus *c, uint64_t from, struct block *frame)
{
    c->frames++;
    c->bytes += frame->size;
    c->from = from;
    block_unref(c->last);
    c->last = frame;
}

void consensus_peer_event(struct consensus *c, uint64_t node, enum peer_channel channel,
                          enum peer_event event)
{
    (void)node;
    unsigned *counts = event == PEER_UP ? c->up : event == PEER_BROKEN ? c->broken : c->refused;
    counts[channel]++;
}

uint32_t consensus_level(const struct consensus *c)
{
    return c->level;
}

void consensus_peer_build(struct consensus *c, uint64_t node, const struct peer_build *build)
{
    (void)node;
    c->build = *build;
}

void consensus_peer_address(struct consensus *c, uint64_t node, const struct peer_address *address,
                            bool is_guess)
{
    c->told = *address;
    c->told_node = node;
    c->is_guess = is_guess;
}

/* --- nodes ------------------------------------------------------------------------------------ */

struct end {
    struct peers *peers;
    struct transport_port port;
    struct consensus consensus;
};

static struct event_base *base;

static void wake(void *context)
{
    (void)context;
}

static struct log_identity identity(uint64_t node)
{
    return (struct log_identity){
        .cluster_id = "the test cluster", .node_id = node, .incarnation = 5};
}

static struct peers_options options(uint64_t node)
{
    return (struct peers_options){
        .base = base, .identity = identity(node), .secret = "xyzzy", .bind_host = "127.0.0.1",
        .announce = {.host = "here", .port = 77}, .build = {.level = 3, .version = "1.2"},
        .seed = node, .wake = wake};
}

static void end_open(struct end *end, const struct peers_options *o)
{
    struct error e;
    *end = (struct end){0};
    if (peers_open(o, &end->peers, &e) != STATUS_OK)
        fail_msg("%s", e.text);
    peers_attach(end->peers, &end->consensus);
    end->port = peers_transport(end->peers);
}

static void end_close(struct end *end)
{
    peers_close(end->peers);
    block_unref(end->consensus.last);
    *end = (struct end){0};
}

static void dial(struct end *from, uint64_t node, const char *host, uint16_t port)
{
    struct peer_address address = {.port = port};
    snprintf(address.host, sizeof(address.host), "%s", host);
    from->port.peer(from->port.context, node, &address);
}

static void dial_end(struct end *from, uint64_t node, const struct end *to)
{
    dial(from, node, "127.0.0.1", peers_port(to->peers));
}

static void turn(struct end *a, struct end *b)
{
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    if (a->peers != NULL)
        peers_flush(a->peers);
    if (b != NULL && b->peers != NULL)
        peers_flush(b->peers);
}

#define RUN_UNTIL(a, b, condition)                                        \
    do {                                                                  \
        const uint64_t end_us_ = clock_boot_us() + 5000000;               \
        while (!(condition) && clock_boot_us() < end_us_)                 \
            turn(a, b);                                                   \
        if (!(condition))                                                 \
            fail_msg("never true: %s", #condition);                       \
    } while (0)

static void run_for(struct end *a, struct end *b, uint64_t us)
{
    const uint64_t end_us = clock_boot_us() + us;
    while (clock_boot_us() < end_us)
        turn(a, b);
}

static void send_text(struct end *from, uint64_t to, enum peer_channel channel, const char *text)
{
    const struct bytes parts[] = {BYTES("<"), bytes_from_string(text), BYTES(">")};
    from->port.send(from->port.context, to, channel, parts, 3);
}

/* --- between nodes ---------------------------------------------------------------------------- */

static void frames_arrive_whole_on_both_channels(void **state)
{
    (void)state;
    struct end a, b;
    const struct peers_options oa = options(1), ob = options(2);
    end_open(&a, &oa);
    end_open(&b, &ob);
    dial_end(&a, 2, &b);
    RUN_UNTIL(&a, &b, a.consensus.up[0] == 1 && a.consensus.up[1] == 1);
    send_text(&a, 2, CHANNEL_DATA, "one");
    RUN_UNTIL(&a, &b, b.consensus.frames == 1);
    assert_true(bytes_equal(block_bytes(b.consensus.last), BYTES("<one>")));
    send_text(&a, 2, CHANNEL_CONTROL, "");
    RUN_UNTIL(&a, &b, b.consensus.frames == 2);
    assert_true(bytes_equal(block_bytes(b.consensus.last), BYTES("<>")));
    assert_int_equal(b.consensus.from, 1);
    assert_string_equal(b.consensus.told.host, "here");
    assert_int_equal(b.consensus.told.port, 77);
    assert_int_equal(b.consensus.told_node, 1);
    assert_false(b.consensus.is_guess);
    send_text(&b, 1, CHANNEL_DATA, "nobody dialed this way");
    struct peers_stats stats;
    peers_stats(b.peers, &stats);
    assert_int_equal(stats.frames_dropped, 1);
    assert_int_equal(stats.connections, 2);
    end_close(&a);
    end_close(&b);
}

static void large_frames_and_many_pass_a_slow_reader(void **state)
{
    (void)state;
    struct end a, b;
    const struct peers_options oa = options(1), ob = options(2);
    end_open(&a, &oa);
    end_open(&b, &ob);
    dial_end(&a, 2, &b);
    RUN_UNTIL(&a, &b, a.consensus.up[1] == 1);
    const size_t size = 3 << 20;
    char *large = xmalloc(size);
    memset(large, 'x', size);
    for (int i = 0; i < 10; i++) {
        const struct bytes part = bytes_of(large, size);
        a.port.send(a.port.context, 2, CHANNEL_DATA, &part, 1);
    }
    for (int i = 0; i < 10000; i++)
        send_text(&a, 2, CHANNEL_DATA, "small");
    RUN_UNTIL(&a, &b, b.consensus.frames == 10010);
    assert_int_equal(b.consensus.bytes, 10 * size + 10000 * 7);
    free(large);
    end_close(&a);
    end_close(&b);
}

static void a_peer_that_takes_nothing_is_given_up_not_stored_for(void **state)
{
    (void)state;
    struct end a, b;
    const struct peers_options oa = options(1), ob = options(2);
    end_open(&a, &oa);
    end_open(&b, &ob);
    dial_end(&a, 2, &b);
    RUN_UNTIL(&a, &b, a.consensus.up[1] == 1);
    const size_t size = 4 << 20;
    char *large = xcalloc(1, size);
    for (int i = 0; i < 20; i++) { /* b is not run */
        const struct bytes part = bytes_of(large, size);
        a.port.send(a.port.context, 2, CHANNEL_DATA, &part, 1);
        peers_flush(a.peers);
    }
    assert_int_equal(a.consensus.broken[1], 1);
    struct peers_stats stats;
    peers_stats(a.peers, &stats);
    assert_true(stats.frames_dropped > 0);
    free(large);
    RUN_UNTIL(&a, &b, a.consensus.up[1] == 2);
    end_close(&a);
    end_close(&b);
}

static void a_dead_peer_is_noticed_at_once_and_found_again(void **state)
{
    (void)state;
    struct end a, b;
    const struct peers_options oa = options(1);
    struct peers_options ob = options(2);
    end_open(&a, &oa);
    end_open(&b, &ob);
    ob.bind_port = peers_port(b.peers);
    dial_end(&a, 2, &b);
    RUN_UNTIL(&a, &b, a.consensus.up[0] == 1 && a.consensus.up[1] == 1);
    end_close(&b);
    const uint64_t died_us = clock_boot_us();
    RUN_UNTIL(&a, NULL, a.consensus.broken[0] == 1 && a.consensus.refused[0] > 0);
    assert_true(clock_boot_us() - died_us < 50000);
    run_for(&a, NULL, 300000);
    assert_int_equal(a.consensus.broken[0], 1);
    assert_true(a.consensus.refused[0] < 20); /* it does not hammer */
    end_open(&b, &ob);
    RUN_UNTIL(&a, &b, a.consensus.up[0] == 2 && a.consensus.up[1] == 2);
    send_text(&a, 2, CHANNEL_DATA, "again");
    RUN_UNTIL(&a, &b, b.consensus.frames == 1);
    end_close(&a);
    end_close(&b);
}

/* Whoever comes back says so by dialing; the pause between our own tries has grown long by then. */
static void who_comes_back_is_dialed_at_once(void **state)
{
    (void)state;
    struct end a, b;
    const struct peers_options oa = options(1);
    struct peers_options ob = options(2);
    end_open(&a, &oa);
    end_open(&b, &ob);
    ob.bind_port = peers_port(b.peers);
    dial_end(&a, 2, &b);
    RUN_UNTIL(&a, &b, a.consensus.up[0] == 1 && a.consensus.up[1] == 1);
    end_close(&b);
    run_for(&a, NULL, 2500000); /* a pause is between one and two seconds now */
    const unsigned refused = a.consensus.refused[0];
    while (a.consensus.refused[0] == refused)
        turn(&a, NULL);
    end_open(&b, &ob);
    dial_end(&b, 1, &a);
    const uint64_t back_us = clock_boot_us();
    RUN_UNTIL(&a, &b, a.consensus.up[0] == 2 && a.consensus.up[1] == 2);
    assert_true(clock_boot_us() - back_us < 500000);
    assert_int_equal(b.consensus.up[0], 1);
    assert_int_equal(b.consensus.broken[0], 0);
    end_close(&a);
    end_close(&b);
}

static void expect_refused(const struct peers_options *oa, const struct peers_options *ob,
                           uint64_t to)
{
    struct end a, b;
    end_open(&a, oa);
    end_open(&b, ob);
    dial_end(&a, to, &b);
    RUN_UNTIL(&a, &b, a.consensus.refused[0] > 0 && a.consensus.refused[1] > 0);
    assert_int_equal(a.consensus.up[0], 0);
    send_text(&a, to, CHANNEL_DATA, "let me in");
    run_for(&a, &b, 20000);
    assert_int_equal(b.consensus.frames, 0);
    struct peers_stats stats;
    peers_stats(b.peers, &stats);
    assert_true(stats.strangers > 0);
    assert_int_equal(stats.connections, 0);
    end_close(&a);
    end_close(&b);
}

static void strangers_are_refused(void **state)
{
    (void)state;
    struct peers_options oa = options(1), ob = options(2);
    oa.secret = "plugh";
    expect_refused(&oa, &ob, 2);
    oa = options(1);
    oa.identity.cluster_id[0] ^= 1;
    expect_refused(&oa, &ob, 2);
    oa = options(1);
    expect_refused(&oa, &ob, 3); /* node 3 is wanted, node 2 is there */
    oa = options(2);
    expect_refused(&oa, &ob, 2); /* a copied directory */
}

static void an_older_life_of_a_node_is_refused(void **state)
{
    (void)state;
    struct end a, b;
    struct peers_options oa = options(1);
    const struct peers_options ob = options(2);
    end_open(&a, &oa);
    end_open(&b, &ob);
    dial_end(&a, 2, &b);
    RUN_UNTIL(&a, &b, a.consensus.up[0] == 1);
    end_close(&a);
    oa.identity.incarnation = 4;
    end_open(&a, &oa);
    dial_end(&a, 2, &b);
    RUN_UNTIL(&a, &b, a.consensus.refused[0] > 0);
    end_close(&a);
    oa.identity.incarnation = 6;
    end_open(&a, &oa);
    dial_end(&a, 2, &b);
    RUN_UNTIL(&a, &b, a.consensus.up[0] == 1);
    end_close(&a);
    end_close(&b);
}

static void an_empty_node_listens_to_whoever_has_the_secret(void **state)
{
    (void)state;
    struct end a, b;
    struct peers_options oa = options(1), ob = options(0);
    end_open(&a, &oa);
    end_open(&b, &ob);
    dial_end(&a, 6, &b); /* who was there before; each took the place of the other's connection */
    dial_end(&a, 7, &b);
    struct peers_stats stats;
    RUN_UNTIL(&a, &b, (peers_stats(a.peers, &stats), stats.connects >= 4));
    run_for(&a, &b, 50000);
    peers_stats(a.peers, &stats);
    assert_int_equal(stats.connects, 4);
    send_text(&a, 7, CHANNEL_CONTROL, "you are 7");
    RUN_UNTIL(&a, &b, b.consensus.frames == 1);
    const struct log_identity now = identity(7);
    peers_identify(b.peers, &now);
    dial_end(&b, 1, &a);
    RUN_UNTIL(&a, &b, b.consensus.up[0] == 1);
    end_close(&a);
    oa.secret = "plugh";
    expect_refused(&oa, &ob, 7);
    end_close(&b);
}

static void addresses_that_nobody_announces_are_taken_from_the_connection(void **state)
{
    (void)state;
    struct end a, b;
    struct peers_options oa = options(1);
    const struct peers_options ob = options(2);
    oa.announce = (struct peer_address){.host = "", .port = 78};
    end_open(&a, &oa);
    end_open(&b, &ob);
    dial_end(&a, 2, &b);
    RUN_UNTIL(&a, &b, a.consensus.up[0] == 1 && a.consensus.up[1] == 1);
    const struct consensus *both[] = {&a.consensus, &b.consensus};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(both[i]->told_node, 1);
        assert_string_equal(both[i]->told.host, "127.0.0.1");
        assert_int_equal(both[i]->told.port, 78);
        assert_true(both[i]->is_guess);
    }
    end_close(&a);
    end_close(&b);
}

static void names_are_resolved(void **state)
{
    (void)state;
    struct end a, b;
    const struct peers_options oa = options(1), ob = options(2);
    end_open(&a, &oa);
    end_open(&b, &ob);
    dial(&a, 2, "localhost", peers_port(b.peers));
    RUN_UNTIL(&a, &b, a.consensus.up[0] == 1);
    end_close(&a);
    end_close(&b);
}

/* --- raw sockets ------------------------------------------------------------------------------ */

static int raw_connect(const struct end *to)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(peers_port(to->peers)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void raw_send(int fd, struct bytes b)
{
    assert_int_equal(send(fd, b.data, b.size, MSG_NOSIGNAL), b.size);
}

/* What comes until enough came or the connection ends. */
static size_t raw_receive(struct end *end, int fd, char *to, size_t max, size_t enough)
{
    size_t size = 0;
    const uint64_t end_us = clock_boot_us() + 5000000;
    while (size < enough && clock_boot_us() < end_us) {
        turn(end, NULL);
        const ssize_t got = recv(fd, to + size, max - size, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            break;
        size += got > 0 ? (size_t)got : 0;
    }
    return size;
}

static bool raw_is_closed(struct end *end, int fd)
{
    char rest[4096];
    const uint64_t end_us = clock_boot_us() + 4000000;
    while (clock_boot_us() < end_us) {
        turn(end, NULL);
        const ssize_t got = recv(fd, rest, sizeof(rest), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return true;
    }
    return false;
}

static void clients_at_the_wrong_port_are_told(void **state)
{
    (void)state;
    struct end b;
    const struct peers_options ob = options(2);
    end_open(&b, &ob);
    const int fd = raw_connect(&b);
    raw_send(fd, BYTES("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"));
    char reply[256] = {0};
    raw_receive(&b, fd, reply, sizeof(reply) - 1, sizeof(reply));
    assert_int_equal(strncmp(reply, "-ERR ", 5), 0);
    assert_non_null(strstr(reply, "clients"));
    close(fd);
    end_close(&b);
}

static void nonsense_ends_the_connection(void **state)
{
    (void)state;
    static const char *const nonsense[] = {
        "GET / HTTP/1.1\r\n\r\n", "\r\n\r\n\r\n", "*1000000000\r\n", "*2\r\n*2\r\n*2\r\n*2\r\n",
        "*-1\r\n", "$-1\r\n", ":1\r\n", "+OK\r\n", "*0\r\n", "$99999999999999999999\r\n",
        "*2\r\n$10\r\nAVOW.HELLO\r\n$3\r\nabc\r\n", "*2\r\n$10\r\nAVOW.HELLO\r\n:3\r\n",
        "*2\r\n$10\r\nAVOW.HELLO\r\n$-1\r\n",
        "*5\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n",
    };
    struct end b;
    const struct peers_options ob = options(2);
    end_open(&b, &ob);
    for (size_t i = 0; i < ARRAY_COUNT(nonsense); i++) {
        const int fd = raw_connect(&b);
        raw_send(fd, bytes_from_string(nonsense[i]));
        if (!raw_is_closed(&b, fd))
            fail_msg("still open after: %s", nonsense[i]);
        close(fd);
    }
    /* more than a handshake has */
    const int fd = raw_connect(&b);
    raw_send(fd, BYTES("$100000\r\n"));
    char filler[8192];
    memset(filler, 'x', sizeof(filler));
    raw_send(fd, bytes_of(filler, sizeof(filler)));
    assert_true(raw_is_closed(&b, fd));
    close(fd);
    end_close(&b);
}

static void who_says_nothing_is_disconnected(void **state)
{
    (void)state;
    struct end b;
    const struct peers_options ob = options(2);
    end_open(&b, &ob);
    const int fd = raw_connect(&b);
    const uint64_t began_us = clock_boot_us();
    assert_true(raw_is_closed(&b, fd));
    assert_true(clock_boot_us() - began_us > 1500000);
    close(fd);
    end_close(&b);
}

static void say(int fd, const char *name, struct bytes argument)
{
    struct buf b = {0};
    buf_printf(&b, "*2\r\n$%zu\r\n%s\r\n$%zu\r\n", strlen(name), name, argument.size);
    buf_append_bytes(&b, argument);
    buf_append_string(&b, "\r\n");
    raw_send(fd, buf_bytes(&b));
    buf_clear(&b);
}

static int raw_hello(struct end *end, uint32_t version, uint32_t level, struct buf *hello)
{
    struct hello h = {.version = version, .from = 1, .to = 2, .incarnation = 5,
                      .channel = CHANNEL_DATA, .build = {.level = level}};
    memcpy(h.cluster_id, "the test cluster", 16);
    hello_encode(&h, hello);
    const int fd = raw_connect(end);
    say(fd, "AVOW.HELLO", buf_bytes(hello));
    return fd;
}

/* The handshake by hand; the socket of a trusted connection. */
static int raw_peer_of(struct end *end, uint32_t version)
{
    struct buf hello = {0};
    const int fd = raw_hello(end, version, 3, &hello);
    char reply[512], head[64];
    const size_t size = version == HELLO_VERSION_FIRST ? 40 : 48; /* of "1.2", too */
    const size_t head_size = (size_t)snprintf(head, sizeof(head),
                                              "*2\r\n$14\r\nAVOW.CHALLENGE\r\n$%zu\r\n", size);
    const size_t want = head_size + size + 2;
    assert_int_equal(raw_receive(end, fd, reply, sizeof(reply), want), want);
    assert_memory_equal(reply, head, head_size);
    uint8_t mac[HELLO_MAC];
    const struct bytes challenge = bytes_of(reply + head_size, size);
    hello_prove("xyzzy", PROOF_DIALER, buf_bytes(&hello), challenge, mac);
    say(fd, "AVOW.PROOF", bytes_of(mac, sizeof(mac)));
    const char welcome[] = "*2\r\n$12\r\nAVOW.WELCOME\r\n$32\r\n";
    const size_t all = sizeof(welcome) - 1 + HELLO_MAC + 2;
    assert_int_equal(raw_receive(end, fd, reply, sizeof(reply), all), all);
    assert_memory_equal(reply, welcome, sizeof(welcome) - 1);
    buf_clear(&hello);
    return fd;
}

static int raw_peer(struct end *end)
{
    return raw_peer_of(end, HELLO_VERSION);
}

/* --- other versions --------------------------------------------------------------------------- */

static void each_side_learns_what_the_other_runs(void **state)
{
    (void)state;
    struct end a, b;
    const struct peers_options oa = options(1);
    struct peers_options ob = options(2);
    ob.build = (struct peer_build){.level = 4, .version = "1.3-rc1"};
    end_open(&a, &oa);
    end_open(&b, &ob);
    dial_end(&a, 2, &b);
    RUN_UNTIL(&a, &b, a.consensus.up[0] == 1);
    assert_int_equal(a.consensus.build.level, 4);
    assert_string_equal(a.consensus.build.version, "1.3-rc1");
    end_close(&a);
    end_close(&b);
}

static void who_knows_less_than_the_level_in_force_is_told(void **state)
{
    (void)state;
    const struct { uint32_t version, level, in_force; const char *want; } cases[] = {
        {HELLO_VERSION, 3, 3, "*2\r\n$14\r\nAVOW.CHALLENGE"},
        {HELLO_VERSION, 3, 4, "-ERR the cluster has feature level 4"},
        {HELLO_VERSION_FIRST, 0, 2, "-ERR the cluster has feature level 2"},
        {HELLO_VERSION + 1, 3, 3, "-ERR this node speaks version 2"},
    };
    struct end b;
    const struct peers_options ob = options(2);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        end_open(&b, &ob);
        b.consensus.level = cases[i].in_force;
        struct buf hello = {0};
        const int fd = raw_hello(&b, cases[i].version, cases[i].level, &hello);
        char reply[256] = {0};
        const size_t size = strlen(cases[i].want);
        raw_receive(&b, fd, reply, sizeof(reply) - 1, size);
        reply[size] = '\0';
        assert_string_equal(reply, cases[i].want);
        close(fd);
        buf_clear(&hello);
        end_close(&b);
    }
}

/* Builds of before there were feature levels. */
static void an_older_node_that_dials_is_understood(void **state)
{
    (void)state;
    struct end b;
    const struct peers_options ob = options(2);
    end_open(&b, &ob);
    b.consensus.level = 1;
    const int fd = raw_peer_of(&b, HELLO_VERSION_FIRST);
    raw_send(fd, BYTES("$2\r\nok\r\n"));
    RUN_UNTIL(&b, NULL, b.consensus.frames == 1);
    close(fd);
    end_close(&b);
}

static int raw_listen(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* The next connection at listener, and the hello said there. */
static int raw_accept(struct end *end, int listener, struct buf *hello)
{
    struct pollfd waits = {.fd = listener, .events = POLLIN};
    RUN_UNTIL(end, NULL, poll(&waits, 1, 0) == 1);
    const int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    char said[512];
    const char head[] = "*2\r\n$10\r\nAVOW.HELLO\r\n$";
    size_t size = raw_receive(end, fd, said, sizeof(head) + 4, sizeof(head) + 4);
    assert_memory_equal(said, head, sizeof(head) - 1);
    const size_t hello_size = strtoul(said + sizeof(head) - 1, NULL, 10);
    const size_t begin = sizeof(head) - 1 + (hello_size < 100 ? 4 : 5);
    size += raw_receive(end, fd, said + size, sizeof(said) - size, begin + hello_size + 2 - size);
    assert_int_equal(size, begin + hello_size + 2);
    buf_reset(hello);
    buf_append(hello, said + begin, hello_size);
    return fd;
}

static void an_older_node_is_spoken_to_as_it_speaks(void **state)
{
    (void)state;
    struct end a;
    const struct peers_options oa = options(1);
    uint16_t port;
    const int listener = raw_listen(&port);
    struct buf hello = {0};
    struct hello h;
    struct error e;
    end_open(&a, &oa);
    a.consensus.level = 1;
    dial(&a, 2, "127.0.0.1", port);
    unsigned refusals = 0;
    for (unsigned proofs = 0; proofs < 2;) { /* of the two channels, in any order */
        const int fd = raw_accept(&a, listener, &hello);
        assert_int_equal(hello_decode(buf_bytes(&hello), &h, &e), STATUS_OK);
        if (h.version != HELLO_VERSION_FIRST) {
            raw_send(fd, BYTES("-ERR this node speaks version 1 of the peer protocol, not 2\r\n"));
            close(fd);
            refusals++;
            continue;
        }
        struct buf challenge = {0};
        challenge_encode(&(struct challenge){.node = 2}, HELLO_VERSION_FIRST, &challenge);
        assert_int_equal(challenge.size, 40);
        say(fd, "AVOW.CHALLENGE", buf_bytes(&challenge));
        uint8_t mac[HELLO_MAC];
        hello_prove("xyzzy", PROOF_LISTENER, buf_bytes(&hello), buf_bytes(&challenge), mac);
        say(fd, "AVOW.WELCOME", bytes_of(mac, sizeof(mac)));
        RUN_UNTIL(&a, NULL, a.consensus.up[h.channel] == 1);
        buf_clear(&challenge);
        proofs++; /* fd stays open as long as a */
    }
    assert_int_equal(refusals, 2);
    assert_int_equal(a.consensus.refused[0] + a.consensus.refused[1], 0);
    assert_int_equal(a.consensus.build.level, 1);
    assert_string_equal(a.consensus.build.version, "unknown");
    end_close(&a);
    close(listener);
    buf_clear(&hello);
}

/* --- what a trusted peer may say -------------------------------------------------------------- */

static void even_a_trusted_peer_may_not_say_anything(void **state)
{
    (void)state;
    static const char *const nonsense[] = {":1\r\n", "*1\r\n$1\r\nx\r\n", "+frame\r\n", "-ERR\r\n",
                                           "$-1\r\n", "$536870913\r\n", "gibberish\r\n"};
    struct end b;
    const struct peers_options ob = options(2);
    end_open(&b, &ob);
    for (size_t i = 0; i < ARRAY_COUNT(nonsense); i++) {
        const int fd = raw_peer(&b);
        raw_send(fd, BYTES("$2\r\nok\r\n"));
        RUN_UNTIL(&b, NULL, b.consensus.frames == i + 1);
        raw_send(fd, bytes_from_string(nonsense[i]));
        if (strncmp(nonsense[i], "$5", 2) == 0) { /* a frame too large: noticed by what it brings */
            char *filler = xcalloc(1, 1 << 20);
            for (int mib = 0; mib < 10; mib++) {
                for (size_t at = 0; at < 1 << 20;) {
                    const ssize_t sent = send(fd, filler + at, (1 << 20) - at,
                                              MSG_NOSIGNAL | MSG_DONTWAIT);
                    turn(&b, NULL);
                    if (sent < 0 && errno != EAGAIN)
                        break;
                    at += sent > 0 ? (size_t)sent : 0;
                }
            }
            free(filler);
        }
        if (!raw_is_closed(&b, fd))
            fail_msg("still open after: %s", nonsense[i]);
        close(fd);
    }
    end_close(&b);
}

static void a_second_connection_of_a_node_replaces_the_first(void **state)
{
    (void)state;
    struct end b;
    const struct peers_options ob = options(2);
    end_open(&b, &ob);
    const int first = raw_peer(&b);
    const int second = raw_peer(&b);
    assert_true(raw_is_closed(&b, first));
    raw_send(second, BYTES("$2\r\nok\r\n"));
    RUN_UNTIL(&b, NULL, b.consensus.frames == 1);
    close(first);
    close(second);
    end_close(&b);
}

static void sink(void *context, enum log_level level, const char *line)
{
    (void)context;
    (void)level;
    (void)line;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_arrive_whole_on_both_channels),
        cmocka_unit_test(large_frames_and_many_pass_a_slow_reader),
        cmocka_unit_test(a_peer_that_takes_nothing_is_given_up_not_stored_for),
        cmocka_unit_test(a_dead_peer_is_noticed_at_once_and_found_again),
        cmocka_unit_test(who_comes_back_is_dialed_at_once),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(an_older_life_of_a_node_is_refused),
        cmocka_unit_test(an_empty_node_listens_to_whoever_has_the_secret),
        cmocka_unit_test(addresses_that_nobody_announces_are_taken_from_the_connection),
        cmocka_unit_test(names_are_resolved),
        cmocka_unit_test(clients_at_the_wrong_port_are_told),
        cmocka_unit_test(nonsense_ends_the_connection),
        cmocka_unit_test(who_says_nothing_is_disconnected),
        cmocka_unit_test(each_side_learns_what_the_other_runs),
        cmocka_unit_test(who_knows_less_than_the_level_in_force_is_told),
        cmocka_unit_test(an_older_node_that_dials_is_understood),
        cmocka_unit_test(an_older_node_is_spoken_to_as_it_speaks),
        cmocka_unit_test(even_a_trusted_peer_may_not_say_anything),
        cmocka_unit_test(a_second_connection_of_a_node_replaces_the_first),
    };
    log_set_sink(sink, NULL);
    base = event_base_new();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    event_base_free(base);
    return failed;
}
