/* replay.c -- feeds recorded inputs to a raft core and compares what comes out.
 *
 *   tests/sim/replay FILE ...    traces of `simulate --trace DIR` or of a node's raft-trace */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "node/raft_trace.h"

static bool read_file(const char *path, struct buf *to)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return false;
    char part[65536];
    size_t got;
    while ((got = fread(part, 1, sizeof(part), f)) > 0)
        buf_append(to, part, got);
    const bool ok = !ferror(f);
    fclose(f);
    return ok;
}

static bool replay(const char *path)
{
    struct buf trace = {0};
    if (!read_file(path, &trace)) {
        fprintf(stderr, "replay: cannot read %s: %s\n", path, strerror(errno));
        buf_clear(&trace);
        return false;
    }
    struct raft_replay p;
    const bool ok = raft_replay(&p, buf_bytes(&trace));
    printf("%s: %" PRIu64 " lives, %" PRIu64 " inputs, %" PRIu64 " flushes: %s\n", path, p.lives,
           p.inputs, p.flushes, ok ? "the same came out" : p.error);
    if (ok && p.bytes < trace.size)
        printf("  its last %zu bytes are half a record\n", trace.size - p.bytes);
    raft_replay_clear(&p);
    buf_clear(&trace);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: replay FILE ...\n");
        return 2;
    }
    bool ok = true;
    for (int i = 1; i < argc; i++)
        ok = replay(argv[i]) && ok;
    return ok ? 0 : 1;
}
