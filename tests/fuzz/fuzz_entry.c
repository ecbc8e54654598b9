/* fuzz_entry.c -- entry decoding over bytes of chance and over mutated entries: nothing may read
 * beyond the end (ASan sees it) or loop. With arguments: each file is one input (AFL, libFuzzer
 * corpora). Prints its seed; FUZZ_SEED repeats a run. */

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/panic.h"
#include "base/crc32c.h"
#include "base/prng.h"
#include "machine/entry.h"

#define RUN_US 1500000
#define INPUT_MAX 2048

/* An exact copy on the heap, so that a read behind the end is one outside of the allocation. */
static void try_bytes(struct bytes input)
{
    uint8_t *copy = xmalloc(input.size);
    if (input.size > 0)
        memcpy(copy, input.data, input.size);
    const struct bytes bytes = bytes_of(copy, input.size);

    struct arena arena;
    arena_init(&arena);
    struct buf text = {0};
    entry_describe(bytes, &text);
    for (uint32_t count = 0; count < 4; count++)
        entry_batch_is_valid(bytes, count);
    struct watch *watches;
    uint32_t watch_count;
    exec_decode_watches(bytes, &arena, &watches, &watch_count);
    struct request request;
    exec_decode_command(bytes, &arena, &request);
    struct reader reader;
    reader_init(&reader, bytes);
    while (reader_left(&reader) > 0 && request_pass(&reader))
        continue;
    buf_clear(&text);
    arena_clear(&arena);
    free(copy);
}

static void append_request(struct buf *to, struct prng *p)
{
    uint8_t data[64];
    struct bytes args[4];
    const uint32_t count = (uint32_t)prng_below(p, ARRAY_COUNT(args) + 1);
    for (uint32_t i = 0; i < count; i++) {
        for (size_t j = 0; j < sizeof(data); j++)
            data[j] = (uint8_t)prng_next(p);
        args[i] = bytes_of(data, (size_t)prng_below(p, sizeof(data)));
    }
    struct buf command = {0}, watches = {0};
    if (count > 1 && prng_chance(p, 1, 3)) {
        exec_encode_watches(&watches, &(struct watch){.key = args[0]}, 1);
        exec_encode_command(&command, &(struct request){.kind = REQ_COMMAND, .args = args,
                                                        .arg_count = 1});
        args[0] = buf_bytes(&watches);
        args[1] = buf_bytes(&command);
    }
    request_encode(to, &(struct request){.kind = (uint8_t)prng_below(p, 13), .args = args,
                                         .arg_count = count});
    buf_clear(&command);
    buf_clear(&watches);
}

/* An entry, whole or with some bytes changed; half of the time its checksum is made to fit again,
 * so that what lies behind it is reached. */
static void make_entry(struct buf *entry, struct prng *p)
{
    struct buf requests = {0};
    const uint16_t count = (uint16_t)prng_below(p, 6);
    for (uint16_t i = 0; i < count; i++)
        append_request(&requests, p);
    if (prng_chance(p, 1, 4)) {
        buf_append_bytes(entry, buf_bytes(&requests));
    } else {
        entry_encode(entry, &(struct entry_head){.format = ENTRY_FORMAT, .count = count},
                     buf_bytes(&requests));
    }
    for (uint64_t flips = prng_below(p, 4); flips > 0 && entry->size > 0; flips--)
        buf_data(entry)[prng_below(p, entry->size)] = (uint8_t)prng_next(p);
    if (prng_chance(p, 1, 4))
        buf_truncate(entry, (size_t)prng_below(p, entry->size + 1));
    if (prng_chance(p, 1, 2) && entry->size >= ENTRY_HEAD_SIZE + ENTRY_CRC_SIZE) {
        const size_t summed = entry->size - ENTRY_CRC_SIZE;
        put_le32(buf_data(entry) + summed, crc32c(0, bytes_of(buf_data(entry), summed)));
    }
    buf_clear(&requests);
}

static void run_by_chance(void)
{
    const char *given = getenv("FUZZ_SEED");
    const uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : clock_wall_us();
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    struct prng p;
    prng_seed(&p, seed);
    uint64_t inputs = 0;
    for (const uint64_t end = clock_boot_us() + RUN_US; clock_boot_us() < end; inputs++) {
        struct buf input = {0};
        if (prng_chance(&p, 1, 5)) {
            for (uint64_t size = prng_below(&p, 200); size > 0; size--)
                buf_append_u8(&input, (uint8_t)prng_next(&p));
        } else {
            make_entry(&input, &p);
        }
        try_bytes(buf_bytes(&input));
        buf_clear(&input);
    }
    printf("%llu inputs survived\n", (unsigned long long)inputs);
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
    try_bytes(bytes_of(data, size));
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        run_by_chance();
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= run_file(argv[i]);
    return failed;
}
