/* fuzz.h -- what a fuzz target gives, and what runs it.
 *
 * A target is one function with libFuzzer's signature that CHECKs what must hold for any bytes.
 * Linked with fuzz.c it is a program for `make check`: all files of its corpus folder, then
 * mutations of them by a seed. With libFuzzer, leave fuzz.c out:
 *
 *     clang -g -O1 -fsanitize=fuzzer,address -Isrc -Itests/fuzz tests/fuzz/fuzz_resp.c \
 *         src/resp/resp_*.c src/base/[a-z]*.c -o fuzz_resp && ./fuzz_resp tests/fuzz/corpus/resp
 *
 * Environment: FUZZ_SEED (default 1; `random` draws one), FUZZ_ROUNDS (mutations; default
 * fuzz_rounds), srcdir. */

#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Of the target: */
extern const char fuzz_corpus[];   /* folder below tests/fuzz/corpus */
extern const uint64_t fuzz_rounds; /* mutations in make check: a few seconds */
extern const char *const fuzz_words[]; /* pieces that mutations insert; NULL ends them */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
