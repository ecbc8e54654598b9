/* log_bench.c -- what a durable log write costs: log store against a bare preallocated file.
 *
 *   make utils/bench/log_bench && utils/bench/log_bench DIR [seconds per line]
 *
 * Prints synced writes per second for batches of 1, 10 and 50 entries of 100 bytes. The bare file
 * is the floor: its blocks are written before, so that a sync moves data only and no metadata. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/encode.h"
#include "kv/disk.h"
#include "kv/log_store.h"

#define ENTRY_BYTES 100
#define BATCH_MAX 50
#define FILE_BYTES ((off_t)64 << 20)

static uint64_t duration_us = 2000000;

static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "log_bench: %s: %s\n", what, why);
    exit(1);
}

static void print_rate(const char *name, size_t batch, uint64_t writes, uint64_t used_us)
{
    printf("%-24s batch %2zu: %8.0f writes/s, %9.0f entries/s, %7.1f us per write\n", name, batch,
           (double)writes * 1e6 / (double)used_us, (double)(writes * batch) * 1e6 / (double)used_us,
           (double)used_us / (double)writes);
    fflush(stdout);
}

static void bench_log_store(struct log_store *store, uint64_t *last, size_t batch)
{
    static uint8_t payload[ENTRY_BYTES];
    struct log_entry entries[BATCH_MAX];
    struct error error;
    for (size_t i = 0; i < batch; i++)
        entries[i] = (struct log_entry){1, 1, bytes_of(payload, sizeof(payload))};
    const uint64_t start = clock_boot_us();
    uint64_t writes = 0, now = start;
    for (; now < start + duration_us; writes++, now = clock_boot_us()) {
        const struct log_write write = {
            .first = *last + 1, .entries = entries, .entry_count = batch};
        if (log_store_write(store, &write, 1, &error) != STATUS_OK)
            give_up("log_store_write", error.text);
        *last += batch;
    }
    print_rate("log_store", batch, writes, now - start);
}

/* header:8 crc:4 payload for each entry, one pwrite and one fdatasync for each batch. */
static void bench_file(const char *name, int fd, off_t *end, size_t batch)
{
    static uint8_t memory[BATCH_MAX * (ENTRY_BYTES + 12)];
    const uint64_t start = clock_boot_us();
    uint64_t writes = 0, now = start;
    for (; now < start + duration_us; writes++, now = clock_boot_us()) {
        size_t size = 0;
        for (size_t i = 0; i < batch; i++) {
            put_le64(memory + size, writes);
            put_le32(memory + size + 8, crc32c(0, bytes_of(memory + size + 12, ENTRY_BYTES)));
            size += ENTRY_BYTES + 12;
        }
        if (*end + (off_t)size > FILE_BYTES)
            *end = 0;
        if (pwrite(fd, memory, size, *end) != (ssize_t)size || fdatasync(fd) != 0)
            give_up(name, strerror(errno));
        *end += (off_t)size;
    }
    print_rate(name, batch, writes, now - start);
}

static int open_file(const char *dir, const char *name, bool preallocated)
{
    char path[DISK_PATH_MAX];
    if (disk_join(path, dir, name, NULL) != STATUS_OK)
        give_up(dir, "path too long");
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        give_up(path, strerror(errno));
    static const uint8_t zeros[1 << 20];
    for (off_t at = 0; preallocated && at < FILE_BYTES; at += (off_t)sizeof(zeros))
        if (pwrite(fd, zeros, sizeof(zeros), at) != (ssize_t)sizeof(zeros))
            give_up(path, strerror(errno));
    if (fsync(fd) != 0)
        give_up(path, strerror(errno));
    unlink(path);
    return fd;
}

int main(int argc, char **argv)
{
    static const size_t batches[] = {1, 10, BATCH_MAX};
    if (argc < 2) {
        fprintf(stderr, "usage: log_bench DIR [seconds per line]\n");
        return 2;
    }
    if (argc > 2)
        duration_us = (uint64_t)(atof(argv[2]) * 1e6);

    struct log_store *store;
    struct log_recovered recovered;
    struct error error;
    const struct log_store_options options = {.disk = disk_real(), .dir = argv[1]};
    if (disk_make_dir(options.disk, argv[1], &error) != STATUS_OK ||
        log_store_open(&options, &store, &recovered, &error) != STATUS_OK)
        give_up(argv[1], error.text);
    const int whole = open_file(argv[1], "bench.whole", true);
    const int growing = open_file(argv[1], "bench.growing", false);
    off_t whole_end = 0, growing_end = 0;
    uint64_t last = recovered.last_index;
    for (size_t i = 0; i < ARRAY_COUNT(batches); i++) {
        bench_log_store(store, &last, batches[i]);
        bench_file("bare file, preallocated", whole, &whole_end, batches[i]);
        bench_file("bare file, growing", growing, &growing_end, batches[i]);
    }
    log_recovered_clear(&recovered);
    log_store_close(store);
    close(whole);
    close(growing);
    return 0;
}
