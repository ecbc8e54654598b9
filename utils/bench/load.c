/* load.c -- a mix of GET and SET over any number of connections and nodes, which redis-benchmark
 * cannot make. One thread, each connection sends its next commands when it has all replies.
 *
 *   make utils/bench/load
 *   utils/bench/load PORTS CLIENTS PIPELINE GETS REQUESTS KEYS BYTES [fill|zipf]
 *
 * PORTS: of 127.0.0.1, with commas between them; connections go to them by turns. GETS: how many of
 * 100 commands are GET. fill: keys from the first on, one after the other, instead of random ones;
 * zipf: the i-th most frequent one i^0.99 times as rarely as the first, as YCSB does it.
 * Prints requests per second, and the latencies of 50, 99 and 99.9 of 100 requests in ms. */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/panic.h"
#include "base/prng.h"

#define PORTS_MAX 16
#define ZIPF_THETA 0.99
#define IN_BYTES 16384 /* replies of one pipeline */
#define EVENTS_MAX 256
#define NOISE_BYTES ((size_t)1 << 20) /* values are pieces of it: not compressible, as few real ones */
#define CONNECTED_AT_ONCE 100 /* below the backlog of a listener */

struct client {
    int fd;
    uint32_t waiting; /* replies */
    uint64_t sent_us;
    size_t in_size;
    char in[IN_BYTES];
};

/* Ranks by Gray et al., "Quickly generating billion-record synthetic databases" (SIGMOD 1994). */
struct zipf {
    double zeta, eta, second; /* sum of all frequencies; the curve's fit; up to where rank 1 goes */
};

struct load {
    uint16_t ports[PORTS_MAX];
    size_t port_count;
    uint32_t clients, pipeline, gets;
    uint64_t requests, keys, sent, received;
    size_t bytes;
    bool fill, is_zipf;
    struct zipf zipf;
    int epoll;
    struct prng prng;
    struct buf out;
    char *noise; /* NOISE_BYTES, and one value more */
    uint32_t *times_us; /* of each reply */
};

static char *noise_new(struct prng *prng, size_t size)
{
    char *noise = xmalloc(size);
    for (size_t i = 0; i < size; i++)
        noise[i] = (char)prng_next(prng);
    return noise;
}

static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "load: %s: %s\n", what, why);
    exit(1);
}

static void zipf_init(struct zipf *z, uint64_t keys)
{
    for (uint64_t i = 1; i <= keys; i++)
        z->zeta += pow((double)i, -ZIPF_THETA);
    z->second = 1 + pow(0.5, ZIPF_THETA);
    z->eta = (1 - pow(2.0 / (double)keys, 1 - ZIPF_THETA)) / (1 - z->second / z->zeta);
}

static uint64_t zipf_rank(const struct zipf *z, double chance, uint64_t keys)
{
    const double at = chance * z->zeta;
    if (at < 1)
        return 0;
    if (at < z->second)
        return 1;
    const double part = pow(z->eta * chance - z->eta + 1, 1 / (1 - ZIPF_THETA));
    return MIN((uint64_t)((double)keys * part), keys - 1);
}

static uint64_t next_key(struct load *l)
{
    if (l->fill)
        return l->sent % l->keys;
    if (!l->is_zipf)
        return prng_below(&l->prng, l->keys);
    /* Frequent keys lie anywhere among the others: the factor is a prime larger than any keys. */
    const uint64_t rank = zipf_rank(&l->zipf, prng_double(&l->prng), l->keys);
    return rank * UINT64_C(2147483647) % l->keys;
}

static void add_command(struct load *l)
{
    const uint64_t key = next_key(l);
    l->sent++;
    if (prng_below(&l->prng, 100) < l->gets) {
        buf_printf(&l->out, "*2\r\n$3\r\nGET\r\n$16\r\nkey:%012" PRIu64 "\r\n", key);
        return;
    }
    buf_printf(&l->out, "*3\r\n$3\r\nSET\r\n$16\r\nkey:%012" PRIu64 "\r\n$%zu\r\n", key, l->bytes);
    buf_append(&l->out, l->noise + prng_below(&l->prng, NOISE_BYTES), l->bytes);
    buf_append_string(&l->out, "\r\n");
}

static void send_next(struct load *l, struct client *c)
{
    buf_reset(&l->out);
    while (c->waiting < l->pipeline && l->sent < l->requests) {
        add_command(l);
        c->waiting++;
    }
    c->sent_us = clock_boot_us();
    const struct bytes out = buf_bytes(&l->out);
    if (out.size > 0 && write(c->fd, out.data, out.size) != (ssize_t)out.size)
        give_up("write", strerror(errno));
}

/* The size of the whole reply at the start of what came; 0: it is not whole. */
static size_t reply_size(const char *in, size_t size)
{
    const char *end = size == 0 ? NULL : memchr(in, '\n', size);
    if (end == NULL)
        return 0;
    const size_t line = (size_t)(end - in) + 1;
    if (*in == '+')
        return line;
    if (*in != '$')
        give_up("unexpected reply", in);
    const long value = strtol(in + 1, NULL, 10);
    const size_t whole = value < 0 ? line : line + (size_t)value + 2;
    return whole <= size ? whole : 0;
}

static void take_replies(struct load *l, struct client *c)
{
    const ssize_t got = read(c->fd, c->in + c->in_size, IN_BYTES - 1 - c->in_size);
    if (got <= 0)
        give_up("read", got == 0 ? "connection closed" : strerror(errno));
    c->in_size += (size_t)got;
    c->in[c->in_size] = '\0';
    const uint64_t took_us = clock_boot_us() - c->sent_us;
    size_t done = 0, size;
    while ((size = reply_size(c->in + done, c->in_size - done)) > 0) {
        CHECK(c->waiting > 0);
        c->waiting--;
        l->times_us[l->received++] = (uint32_t)took_us;
        done += size;
    }
    memmove(c->in, c->in + done, c->in_size - done);
    c->in_size -= done;
    if (c->waiting == 0)
        send_next(l, c);
}

static void connect_client(struct load *l, struct client *c, uint16_t port)
{
    const int yes = 1;
    const struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
        give_up("connect", strerror(errno));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) != 0 ||
        epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        give_up("connect", strerror(errno));
}

static void connect_all(struct load *l, struct client *clients)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            give_up("setrlimit", strerror(errno));
    }
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t i = 0; i < l->clients; i++) {
        connect_client(l, &clients[i], l->ports[i % l->port_count]);
        if (i % CONNECTED_AT_ONCE == 0)
            usleep(1000);
    }
}

static int by_time(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void run(struct load *l, struct client *clients)
{
    const uint64_t began_us = clock_boot_us();
    for (uint32_t i = 0; i < l->clients; i++)
        send_next(l, &clients[i]);
    while (l->received < l->requests) {
        struct epoll_event events[EVENTS_MAX];
        const int count = epoll_wait(l->epoll, events, EVENTS_MAX, 10000);
        if (count == 0)
            give_up("epoll_wait", "no reply within 10 s");
        for (int i = 0; i < count; i++)
            take_replies(l, events[i].data.ptr);
    }
    const double seconds = (double)(clock_boot_us() - began_us) / 1e6;
    qsort(l->times_us, l->requests, sizeof(*l->times_us), by_time);
    printf("%.0f %.3f %.3f %.3f\n", (double)l->requests / seconds,
           l->times_us[l->requests / 2] / 1e3, l->times_us[l->requests * 99 / 100] / 1e3,
           l->times_us[l->requests * 999 / 1000] / 1e3);
}

static void parse_ports(struct load *l, char *text)
{
    for (char *port = strtok(text, ","); port != NULL; port = strtok(NULL, ",")) {
        if (l->port_count == PORTS_MAX)
            give_up("ports", "too many");
        l->ports[l->port_count++] = (uint16_t)atoi(port);
    }
}

int main(int argc, char **argv)
{
    if (argc < 8)
        give_up("usage", "load PORTS CLIENTS PIPELINE GETS REQUESTS KEYS BYTES [fill|zipf]");
    struct load l = {
        .clients = (uint32_t)atoi(argv[2]),
        .pipeline = (uint32_t)atoi(argv[3]),
        .gets = (uint32_t)atoi(argv[4]),
        .requests = strtoull(argv[5], NULL, 10),
        .keys = strtoull(argv[6], NULL, 10),
        .bytes = strtoull(argv[7], NULL, 10),
        .fill = argc > 8 && strcmp(argv[8], "fill") == 0,
        .is_zipf = argc > 8 && strcmp(argv[8], "zipf") == 0,
    };
    parse_ports(&l, argv[1]);
    if (l.port_count == 0 || l.clients == 0 || l.pipeline == 0 || l.requests == 0 || l.keys == 0)
        give_up("arguments", "a number is missing");
    if (l.pipeline * (l.bytes + 16) >= IN_BYTES)
        give_up("arguments", "the replies of a pipeline are too large");
    prng_seed(&l.prng, clock_boot_us());
    if (l.is_zipf)
        zipf_init(&l.zipf, l.keys);
    l.noise = noise_new(&l.prng, NOISE_BYTES + l.bytes);
    l.times_us = xcalloc(l.requests, sizeof(*l.times_us));
    struct client *clients = xcalloc(l.clients, sizeof(*clients));
    connect_all(&l, clients);
    run(&l, clients);
    for (uint32_t i = 0; i < l.clients; i++)
        close(clients[i].fd);
    close(l.epoll);
    buf_clear(&l.out);
    free(clients);
    free(l.times_us);
    free(l.noise);
    return 0;
}
