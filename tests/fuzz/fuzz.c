/* fuzz.c -- runs a fuzz target over its corpus and over mutations of it; see fuzz.h. */

#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/prng.h"

#define FILES_MAX 1000
#define INPUT_SIZE_MAX (64 * 1024) /* of a mutation; files may be larger */
#define STEPS_MAX 6

static struct buf files[FILES_MAX];
static size_t file_count;
static struct buf input; /* what the target is looking at */

static void print_input(void *context, const char *message)
{
    (void)message;
    fprintf(stderr, "input of %zu bytes, seed %s:\n", input.size, (const char *)context);
    for (size_t i = 0; i < input.size; i++)
        fprintf(stderr, "\\x%02x", buf_data(&input)[i]);
    fprintf(stderr, "\n");
}

static void read_file(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        panic("%s: %s", path, strerror(errno));
    CHECK(file_count < FILES_MAX);
    struct buf *b = &files[file_count++];
    size_t got;
    do {
        got = fread(buf_reserve(b, 4096), 1, 4096, file);
        buf_commit(b, got);
    } while (got > 0);
    fclose(file);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* In the order of names: the same seed must meet the same files. */
static void read_corpus(void)
{
    const char *top = getenv("srcdir");
    char folder[2048];
    snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", top == NULL ? "." : top,
             fuzz_corpus);
    struct dirent **entries;
    const int count = scandir(folder, &entries, visible, alphasort);
    if (count <= 0)
        panic("no corpus in %s", folder);
    for (int i = 0; i < count; i++) {
        read_file(folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

static struct bytes any_slice(struct prng *p, struct bytes b)
{
    const size_t from = (size_t)prng_below(p, b.size + 1);
    const size_t size = (size_t)prng_below(p, b.size - from + 1);
    return size == 0 ? BYTES_NONE : bytes_of(bytes_data(b) + from, size);
}

/* Puts piece in place of the bytes from `from` to `to`. */
static void replace(size_t from, size_t to, struct bytes piece)
{
    struct buf changed = {0};
    buf_append(&changed, input.memory == NULL ? NULL : buf_data(&input), from);
    buf_append_bytes(&changed, piece);
    if (to < input.size)
        buf_append(&changed, buf_data(&input) + to, input.size - to);
    buf_truncate(&changed, MIN(changed.size, INPUT_SIZE_MAX));
    buf_clear(&input);
    input = changed;
}

static struct bytes any_word(struct prng *p)
{
    size_t count = 0;
    while (fuzz_words[count] != NULL)
        count++;
    return count == 0 ? BYTES("0") : bytes_from_string(fuzz_words[prng_below(p, count)]);
}

static void mutate(struct prng *p)
{
    const size_t at = (size_t)prng_below(p, input.size + 1);
    const size_t near = MIN(input.size, at + (size_t)prng_below(p, 5));
    switch (prng_below(p, 7)) {
    case 0:
        if (at < input.size)
            buf_data(&input)[at] ^= (uint8_t)(1u << prng_below(p, 8));
        break;
    case 1:
        if (at < input.size)
            buf_data(&input)[at] = (uint8_t)prng_next(p);
        break;
    case 2:
        replace(at, at, any_word(p));
        break;
    case 3:
        replace(at, near, any_word(p));
        break;
    case 4:
        replace(at, near, BYTES_NONE);
        break;
    case 5:
        replace(at, at, any_slice(p, buf_bytes(&files[prng_below(p, file_count)])));
        break;
    default:
        buf_truncate(&input, at);
    }
}

static void run(void)
{
    /* A copy of exactly that size, so that ASan sees a read beyond the end. */
    uint8_t *copy = xmalloc(input.size);
    if (input.size > 0)
        memcpy(copy, buf_data(&input), input.size);
    LLVMFuzzerTestOneInput(copy, input.size);
    free(copy);
}

int main(void)
{
    const char *seed_text = getenv("FUZZ_SEED");
    const char *rounds_text = getenv("FUZZ_ROUNDS");
    uint64_t seed = seed_text == NULL ? 1 : strtoull(seed_text, NULL, 10);
    if (seed_text != NULL && strcmp(seed_text, "random") == 0)
        prng_secret(&seed, sizeof(seed));
    const uint64_t rounds = rounds_text == NULL ? fuzz_rounds : strtoull(rounds_text, NULL, 10);
    char shown[INT64_DIGITS];
    snprintf(shown, sizeof(shown), "%" PRIu64, seed);
    printf("seed %s\n", shown);
    fflush(stdout);
    panic_set_hook(print_input, shown);

    read_corpus();
    for (size_t i = 0; i < file_count; i++) {
        replace(0, input.size, buf_bytes(&files[i]));
        run();
    }
    struct prng p;
    prng_seed(&p, seed);
    for (uint64_t round = 0; round < rounds; round++) {
        replace(0, input.size, buf_bytes(&files[prng_below(&p, file_count)]));
        for (uint64_t steps = 1 + prng_below(&p, STEPS_MAX); steps > 0; steps--)
            mutate(&p);
        run();
    }
    buf_clear(&input);
    for (size_t i = 0; i < file_count; i++)
        buf_clear(&files[i]);
    return 0;
}
