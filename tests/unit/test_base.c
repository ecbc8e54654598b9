/* test_base.c -- bytes, buf, arena, status, checksums, hashes, chance, heap, queue. */

#include "test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/crc64.h"
#include "base/encode.h"
#include "base/dict.h"
#include "base/heap.h"
#include "base/lzf.h"
#include "base/prng.h"
#include "base/queue.h"
#include "base/sha1.h"
#include "base/sha256.h"
#include "base/siphash.h"

/* Outcomes of string2ll() in Redis 7.0's util.c and of its tests. */
static void int64_is_read_as_redis_reads_it(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"1", true, 1},
        {"99", true, 99},
        {"-99", true, -99},
        {"-1", true, -1},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775807", true, -INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"18446744073709551616", false, 0},
        {"18446744073709551615", false, 0},
        {"99999999999999999999", false, 0},
        {"100000000000000000000", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"-0", false, 0},
        {"00", false, 0},
        {"01", false, 0},
        {"-01", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"--1", false, 0},
        {"1-", false, 0},
        {"0x1", false, 0},
        {"1.0", false, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int64_t value = 4711;
        const bool ok = bytes_to_int64(bytes_from_string(cases[i].text), &value);
        if (ok != cases[i].ok)
            fail_msg("\"%s\" gives %d", cases[i].text, ok);
        assert_int_equal(value, cases[i].ok ? cases[i].value : 4711);
    }
}

static void uint64_takes_the_whole_range_and_no_sign(void **state)
{
    (void)state;
    uint64_t value = 4711;
    assert_true(bytes_to_uint64(BYTES("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_false(bytes_to_uint64(BYTES("18446744073709551616"), &value));
    assert_false(bytes_to_uint64(BYTES("28446744073709551615"), &value));
    assert_false(bytes_to_uint64(BYTES("-1"), &value));
    assert_false(bytes_to_uint64(BYTES("1\0"), &value));
    assert_true(value == UINT64_MAX);
}

static void assert_digits(int64_t value)
{
    char digits[INT64_DIGITS];
    char want[INT64_DIGITS];
    snprintf(want, sizeof(want), "%" PRId64, value);
    const struct bytes got = bytes_from_int64(value, digits);
    assert_true(bytes_equal(got, bytes_from_string(want)));
    int64_t back;
    assert_true(bytes_to_int64(got, &back));
    assert_true(back == value);
}

static void numbers_are_printed_as_printf_does(void **state)
{
    (void)state;
    assert_digits(INT64_MIN);
    assert_digits(INT64_MAX);
    for (int64_t value = -1100; value <= 1100; value++)
        assert_digits(value);
    for (int64_t power = 1; power <= INT64_MAX / 10; power *= 10)
        for (int64_t near = power - 1; near <= power + 1; near++) {
            assert_digits(near);
            assert_digits(-near);
        }
    char digits[INT64_DIGITS];
    assert_true(bytes_equal(bytes_from_uint64(UINT64_MAX, digits), BYTES("18446744073709551615")));
}

static void bytes_compare_by_content_then_length(void **state)
{
    (void)state;
    assert_true(bytes_compare(BYTES("a"), BYTES("b")) < 0);
    assert_true(bytes_compare(BYTES("a"), BYTES("ab")) < 0);
    assert_true(bytes_compare(BYTES("b"), BYTES("ab")) > 0);
    assert_true(bytes_compare(BYTES("\xff"), BYTES("a")) > 0);
    assert_int_equal(bytes_compare(BYTES_NONE, BYTES("")), 0);
    assert_true(bytes_has_prefix(BYTES("abc"), BYTES("ab")));
    assert_false(bytes_has_prefix(BYTES("a"), BYTES("ab")));
    assert_true(bytes_equal_nocase_string(BYTES("HgEt"), "hGeT"));
    assert_false(bytes_equal_nocase(BYTES("hget"), BYTES("hset")));
    assert_false(bytes_equal_nocase(BYTES("["), BYTES("{"))); /* one bit apart, but no letters */
    assert_true(bytes_equal(bytes_from(BYTES("abc"), 2), BYTES("c")));
    assert_int_equal(bytes_from(BYTES("abc"), 3).size, 0);
}

/* The queue of bytes against the plain sequence 0, 1, 2 ... mod 251. */
static void a_buf_keeps_the_order_of_its_bytes(void **state)
{
    (void)state;
    struct prng p;
    prng_seed(&p, 7);
    struct buf b = {0};
    size_t written = 0;
    size_t read = 0;
    for (int step = 0; step < 20000; step++) {
        uint8_t piece[300];
        const size_t size = (size_t)prng_below(&p, sizeof(piece) + 1);
        for (size_t i = 0; i < size; i++)
            piece[i] = (uint8_t)((written + i) % 251);
        buf_append(&b, piece, size);
        written += size;

        const size_t taken = (size_t)prng_below(&p, MIN(b.size, 310) + 1);
        for (size_t i = 0; i < taken; i++)
            assert_int_equal(buf_data(&b)[i], (read + i) % 251);
        buf_consume(&b, taken);
        read += taken;
        assert_int_equal(b.size, written - read);
    }
    buf_truncate(&b, 0);
    assert_int_equal(buf_bytes(&b).size, 0);
    buf_clear(&b);
}

static void a_buf_in_steady_use_does_not_grow(void **state)
{
    (void)state;
    const uint8_t piece[1000] = {0};
    struct buf b = {0};
    buf_append(&b, piece, 900);
    for (int i = 0; i < 10000; i++) {
        buf_append(&b, piece, 777);
        buf_consume(&b, 777);
    }
    assert_int_equal(b.size, 900);
    assert_true(b.capacity <= 8192);
    buf_clear(&b);
}

/* One byte in, one byte out of a full buf: moving them all each time would cost the square. */
static void a_full_buf_in_steady_use_doubles_once(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_reserve(&b, 1000);
    const size_t capacity = b.capacity;
    while (b.size < capacity)
        buf_append_u8(&b, 'x');
    for (int i = 0; i < 10; i++) {
        buf_consume(&b, 1);
        buf_append_u8(&b, 'y');
    }
    assert_int_equal(b.capacity, capacity * 2);
    assert_int_equal(b.start, 9); /* moved when it doubled, and not since */
    assert_int_equal(b.size, capacity);
    buf_clear(&b);
}

static void buf_printf_takes_lines_of_any_length(void **state)
{
    (void)state;
    char wide[1000];
    memset(wide, 'w', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    struct buf b = {0};
    buf_printf(&b, "a%d", 1);
    buf_printf(&b, "%s", wide);
    buf_append_string(&b, "z");
    assert_int_equal(b.size, 2 + 999 + 1);
    assert_memory_equal(buf_data(&b), "a1ww", 4);
    assert_memory_equal(buf_data(&b) + 1000, "wz", 2);
    buf_clear(&b);
}

static void a_reader_gives_back_what_was_appended(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_append_u8(&b, 0x01);
    buf_append_le16(&b, 0x0203);
    buf_append_le32(&b, 0x04050607);
    buf_append_le64(&b, 0x08090a0b0c0d0e0f);
    buf_append_be32(&b, 0x10111213);
    buf_append_be64(&b, 0x1415161718191a1b);
    buf_append_bytes(&b, BYTES("end"));
    assert_memory_equal(buf_data(&b), "\x01\x03\x02\x07\x06\x05\x04\x0f", 8);
    assert_memory_equal(buf_data(&b) + 15, "\x10\x11\x12\x13\x14", 5);

    struct reader r;
    reader_init(&r, buf_bytes(&b));
    assert_int_equal(reader_u8(&r), 0x01);
    assert_int_equal(reader_le16(&r), 0x0203);
    assert_int_equal(reader_le32(&r), 0x04050607);
    assert_true(reader_le64(&r) == 0x08090a0b0c0d0e0f);
    assert_int_equal(reader_be32(&r), 0x10111213);
    assert_true(reader_be64(&r) == 0x1415161718191a1b);
    assert_int_equal(reader_left(&r), 3);
    assert_true(bytes_equal(reader_bytes(&r, 3), BYTES("end")));
    assert_false(r.failed);
    assert_int_equal(reader_left(&r), 0);
    buf_clear(&b);
}

static void a_reader_beyond_the_end_fails_for_good(void **state)
{
    (void)state;
    struct reader r;
    reader_init(&r, BYTES("abc"));
    assert_int_equal(reader_le32(&r), 0);
    assert_true(r.failed);
    assert_int_equal(reader_u8(&r), 0);
    assert_int_equal(reader_bytes(&r, 1).size, 0);
    reader_init(&r, BYTES("abc"));
    assert_int_equal(reader_bytes(&r, SIZE_MAX).size, 0);
    assert_true(r.failed);
    reader_init(&r, BYTES_NONE);
    assert_int_equal(reader_bytes(&r, 0).size, 0);
    assert_false(r.failed);
}

static void an_arena_gives_aligned_pieces_that_do_not_overlap(void **state)
{
    (void)state;
    enum { PIECES = 300 };
    uint8_t *pieces[PIECES];
    size_t sizes[PIECES];
    struct prng p;
    prng_seed(&p, 3);
    struct arena a;
    arena_init(&a);
    for (int turn = 0; turn < 5; turn++) {
        for (size_t i = 0; i < PIECES; i++) {
            sizes[i] = (size_t)prng_below(&p, i % 50 == 0 ? 200000 : 500);
            pieces[i] = arena_alloc(&a, sizes[i]);
            assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
            memset(pieces[i], (int)(i % 251), sizes[i]);
        }
        for (size_t i = 0; i < PIECES; i++)
            for (size_t k = 0; k < sizes[i]; k++)
                assert_int_equal(pieces[i][k], i % 251);
        arena_reset(&a);
        assert_int_equal(a.used, 0);
    }
    assert_string_equal(arena_string(&a, BYTES("text")), "text");
    assert_true(bytes_equal(arena_copy(&a, BYTES("copy")), BYTES("copy")));
    arena_clear(&a);
}

static void fail_fills_the_error_and_returns_the_status(void **state)
{
    (void)state;
    struct error e;
    assert_int_equal(fail(&e, STATUS_IO, "disk %d: %s", 3, "no"), STATUS_IO);
    assert_string_equal(e.text, "disk 3: no");
    assert_int_equal(e.status, STATUS_IO);
    assert_int_equal(fail(NULL, STATUS_BUSY, "x"), STATUS_BUSY);
    assert_string_equal(status_text(STATUS_NOT_FOUND), "not found");
    for (int status = STATUS_OK; status <= STATUS_TIMEOUT; status++)
        assert_string_not_equal(status_text((enum status)status), "unknown status");
}

/* RFC 3720, appendix B.4, and the check value of the CRC catalogue. */
static void crc32c_gives_the_values_of_rfc_3720(void **state)
{
    (void)state;
    uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
    for (size_t i = 0; i < 32; i++) {
        ones[i] = 0xff;
        up[i] = (uint8_t)i;
        down[i] = (uint8_t)(31 - i);
    }
    static const uint8_t read_pdu[48] = {
        0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
        0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
    };
    const struct {
        struct bytes bytes;
        uint32_t crc;
    } cases[] = {
        {{zeros, 32}, 0x8a9136aa},    {{ones, 32}, 0x62a8ab43},       {{up, 32}, 0x46dd794e},
        {{down, 32}, 0x113fdb5c},     {{read_pdu, 48}, 0xd9963a56},   {BYTES_NONE, 0},
        {BYTES("123456789"), 0xe3069283},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(crc32c(0, cases[i].bytes), cases[i].crc);
        assert_int_equal(crc32c_table(0, cases[i].bytes), cases[i].crc);
    }
}

/* The values that redis-server 7.0.15 has in its own test, and a footer that its DUMP wrote. */
static void crc64_gives_the_values_of_redis(void **state)
{
    (void)state;
    assert_int_equal(crc64(BYTES_NONE), 0);
    assert_int_equal(crc64(BYTES("123456789")), 0xe9c6d914c4b8d9ca);
    assert_int_equal(crc64(BYTES("\x00\x03"
                                 "abc\x0a\x00")),
                     0xe2a272413d30acd9);
}

static void lzf_is_read_as_redis_reads_it(void **state)
{
    (void)state;
    static const struct {
        struct bytes packed, text;
        bool ok;
    } cases[] = {
        {BYTES(""), BYTES(""), true},
        {BYTES("\x02"
               "abc"),
         BYTES("abc"), true},
        {BYTES("\x00"
               "a\xe0\x00\x00"),
         BYTES("aaaaaaaaaa"), true},
        {BYTES("\x01"
               "ab\x20\x01"),
         BYTES("ababa"), true},
        {BYTES("\x01"
               "ab\x20\x01"),
         BYTES("abab"), false}, /* more than there is room for */
        {BYTES("\x01"
               "ab\x20\x01"),
         BYTES("ababab"), false}, /* less than was said */
        {BYTES("\x01"
               "ab\x20\x02"),
         BYTES("ababa"), false}, /* from before the beginning */
        {BYTES("\x02"
               "ab"),
         BYTES("abc"), false},
        {BYTES("\x01"
               "ab\x20"),
         BYTES("ababa"), false},
        {BYTES("\x01"
               "ab\xe0\x01"),
         BYTES("ababa"), false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint8_t text[16];
        const bool ok = lzf_decompress(cases[i].packed, text, cases[i].text.size);
        assert_int_equal(ok, cases[i].ok);
        if (ok)
            assert_memory_equal(text, cases[i].text.data, cases[i].text.size);
    }
}

static void lzf_gives_back_what_was_packed(void **state)
{
    (void)state;
    static uint8_t text[20000], packed[sizeof(text)], back[sizeof(text)];
    struct prng p;
    prng_seed(&p, 3);
    size_t shrunk = 0;
    for (uint32_t round = 0; round < 400; round++) {
        const size_t size = (size_t)prng_below(&p, round % 4 == 0 ? sizeof(text) : 100);
        const uint64_t letters = 1 + prng_below(&p, round % 3 == 0 ? 256 : 4);
        for (size_t i = 0; i < size; i++)
            text[i] = (uint8_t)prng_below(&p, letters);
        const size_t packed_size = lzf_compress(bytes_of(text, size), packed, size);
        assert_true(packed_size <= size);
        if (packed_size == 0)
            continue;
        assert_true(size <= packed_size * LZF_RATIO_MAX);
        assert_true(lzf_decompress(bytes_of(packed, packed_size), back, size));
        assert_memory_equal(back, text, size);
        assert_int_equal(lzf_compress(bytes_of(text, size), packed, packed_size - 1), 0);
        shrunk++;
    }
    assert_in_range(shrunk, 200, 399);
}

static void crc32c_continues_over_pieces_and_both_ways_agree(void **state)
{
    (void)state;
    uint8_t data[300];
    struct prng p;
    prng_seed(&p, 5);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)prng_next(&p);
    for (size_t size = 0; size < sizeof(data); size++) {
        const uint32_t whole = crc32c_table(0, bytes_of(data, size));
        const size_t cut = (size_t)prng_below(&p, size + 1);
        const uint32_t first = crc32c(0, bytes_of(data, cut));
        assert_int_equal(crc32c(first, bytes_of(data + cut, size - cut)), whole);
    }
}

/* Appendix A of the paper (15 bytes), the authors' vectors.h for the other lengths. */
static void siphash_gives_the_values_of_its_paper(void **state)
{
    (void)state;
    uint8_t key[SIPHASH_KEY_SIZE], data[64];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)i;
    memcpy(key, data, sizeof(key));
    static const struct {
        size_t size;
        uint64_t hash;
    } cases[] = {
        {0, 0x726fdb47dd0e0e31},  {1, 0x74f839c593dc67fd},  {7, 0xab0200f58b01d137},
        {8, 0x93f5f5799a932462},  {15, 0xa129ca6149be45e5}, {63, 0x958a324ceb064572},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_true(siphash(key, bytes_of(data, cases[i].size)) == cases[i].hash);
}

/* First numbers of xoshiro256** from the state 1, 2, 3, 4, and of splitmix64 from 1234567, as their
 * authors' C code prints them. */
/* FIPS 180's examples, and sizes around the ends of a block against sha256sum. */
static void sha256_gives_the_published_digests(void **state)
{
    static const struct {
        size_t size; /* of 'a' repeated; 0: text */
        const char *text, *hex;
    } examples[] = {
        {0, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {0, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {0, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {55, "", "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
        {56, "", "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
        {63, "", "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
        {64, "", "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
        {65, "", "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"},
        {119, "", "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"},
        {120, "", "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c"},
        {1000, "", "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(examples); i++) {
        struct buf b = {0};
        char hex[SHA256_HEX_SIZE + 1];
        buf_append_string(&b, examples[i].text);
        for (size_t n = 0; n < examples[i].size; n++)
            buf_append_u8(&b, 'a');
        sha256_hex(buf_bytes(&b), hex);
        assert_string_equal(hex, examples[i].hex);
        buf_clear(&b);
    }
}

/* FIPS 180's examples, and sizes around the ends of a block against sha1sum. */
static void sha1_gives_the_published_digests(void **state)
{
    (void)state;
    static const struct {
        size_t size; /* of 'a's; 0: text */
        const char *text, *hex;
    } cases[] = {
        {0, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {0, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {0, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
        {55, NULL, "c1c8bbdc22796e28c0e15163d20899b65621d65a"},
        {56, NULL, "c2db330f6083854c99d4b5bfb6e8f29f201be699"},
        {64, NULL, "0098ba824b5c16427bd7a1122a5a442a25ec644d"},
        {1000000, NULL, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char hex[SHA1_HEX_SIZE + 1];
        struct buf b = {0};
        if (cases[i].text != NULL)
            buf_append_string(&b, cases[i].text);
        for (size_t j = 0; j < cases[i].size; j++)
            buf_append_u8(&b, 'a');
        sha1_hex(buf_bytes(&b), hex);
        assert_string_equal(hex, cases[i].hex);
        buf_clear(&b);
    }
}

static void prng_gives_the_published_numbers(void **state)
{
    (void)state;
    static const uint64_t xoshiro[] = {11520, 0, 1509978240, 1215971899390074240};
    struct prng p = {{1, 2, 3, 4}};
    for (size_t i = 0; i < ARRAY_COUNT(xoshiro); i++)
        assert_true(prng_next(&p) == xoshiro[i]);

    static const uint64_t splitmix[] = {6457827717110365317u, 3203168211198807973u,
                                        9817491932198370423u, 4593380528125082431u};
    prng_seed(&p, 1234567);
    assert_memory_equal(p.state, splitmix, sizeof(splitmix));
}

static void prng_stays_below_its_limit_and_reaches_all(void **state)
{
    (void)state;
    struct prng p;
    prng_seed(&p, 1);
    unsigned seen[7] = {0};
    for (int i = 0; i < 7000; i++) {
        seen[prng_below(&p, 7)]++;
        const double x = prng_double(&p);
        assert_true(x >= 0.0);
        assert_true(x < 1.0);
    }
    for (size_t i = 0; i < 7; i++)
        assert_in_range(seen[i], 850, 1150);
    assert_int_equal(prng_below(&p, 1), 0);
    assert_false(prng_chance(&p, 0, 5));
    assert_true(prng_chance(&p, 5, 5));

    uint8_t a[32] = {0}, b[32] = {0};
    prng_secret(a, sizeof(a));
    prng_secret(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}

struct timer {
    struct heap_node node;
    uint64_t key;
    size_t order;
    bool removed;
};

static int compare_timers(const void *a, const void *b)
{
    const struct timer *x = *(struct timer *const *)a;
    const struct timer *y = *(struct timer *const *)b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* Against qsort by (key, order of pushing), with every third node removed from amid. */
struct word {
    struct dict_node node;
    char text[16];
    bool is_in, is_seen;
};

static struct bytes word_text(const struct dict_node *node)
{
    return bytes_from_string(container_of(node, struct word, node)->text);
}

static void a_dict_holds_what_was_put_in(void **state)
{
    (void)state;
    static struct word words[1000];
    struct dict d;
    struct prng p;
    size_t count = 0;
    prng_seed(&p, 5);
    dict_init(&d, word_text);
    assert_null(dict_first(&d));
    assert_null(dict_near(&d, 7));
    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        snprintf(words[i].text, sizeof(words[i].text), "word %zu", i);
    for (int step = 0; step < 100000; step++) {
        /* grows to all, shrinks to few, and so on */
        struct word *word = &words[prng_below(&p, ARRAY_COUNT(words))];
        const bool wants_in = step / 10000 % 2 == 0;
        struct dict_node *found = dict_find(&d, bytes_from_string(word->text));
        assert_ptr_equal(found, word->is_in ? &word->node : NULL);
        if (word->is_in && !wants_in)
            dict_remove(&d, &word->node);
        else if (!word->is_in && wants_in)
            dict_add(&d, &word->node);
        count = count + wants_in - word->is_in;
        word->is_in = wants_in;
        assert_int_equal(d.count, count);
        assert_true((dict_near(&d, prng_next(&p)) == NULL) == (count == 0));
    }
    size_t seen = 0;
    struct dict_node *node = dict_first(&d), *next;
    for (; node != NULL; node = next) { /* a walk may remove what it meets */
        next = dict_next(&d, node);
        struct word *word = container_of(node, struct word, node);
        assert_true(word->is_in && !word->is_seen);
        word->is_seen = true;
        dict_remove(&d, node);
        seen++;
    }
    assert_int_equal(seen, count);
    assert_int_equal(d.count, 0);
    dict_clear(&d);
}

static void a_heap_gives_what_sorting_gives(void **state)
{
    (void)state;
    enum { TIMERS = 500 };
    static struct timer timers[TIMERS];
    struct timer *sorted[TIMERS];
    struct prng p;
    prng_seed(&p, 9);
    struct heap h;
    heap_init(&h);
    for (int round = 0; round < 20; round++) {
        size_t left = 0;
        for (size_t i = 0; i < TIMERS; i++) {
            timers[i].key = prng_below(&p, 100);
            timers[i].order = i;
            heap_push(&h, &timers[i].node, timers[i].key);
        }
        for (size_t i = 0; i < TIMERS; i++) {
            if (prng_chance(&p, 1, 3))
                heap_remove(&h, &timers[i].node);
            else
                sorted[left++] = &timers[i];
        }
        heap_remove(&h, &(struct heap_node){0});
        qsort(sorted, left, sizeof(*sorted), compare_timers);
        assert_int_equal(h.count, left);
        for (size_t i = 0; i < left; i++) {
            assert_ptr_equal(heap_first(&h), &sorted[i]->node);
            assert_ptr_equal(heap_pop(&h), &sorted[i]->node);
            assert_int_equal(sorted[i]->node.position, 0);
        }
        assert_null(heap_pop(&h));
    }
    heap_push(&h, &timers[0].node, 1);
    heap_clear(&h);
    assert_int_equal(timers[0].node.position, 0);
}

static void a_queue_keeps_order_and_lets_go_from_amid(void **state)
{
    (void)state;
    struct queue q;
    struct queue_node n[4];
    queue_init(&q);
    queue_push_back(&q, &n[1]);
    queue_push_back(&q, &n[2]);
    queue_push_back(&q, &n[3]);
    queue_push_front(&q, &n[0]);
    queue_remove(&n[2]);
    queue_remove(&n[2]);
    assert_ptr_equal(queue_first(&q), &n[0]);
    assert_ptr_equal(queue_last(&q), &n[3]);
    assert_ptr_equal(queue_next(&q, &n[1]), &n[3]);
    assert_null(queue_next(&q, &n[3]));
    assert_ptr_equal(queue_pop_front(&q), &n[0]);
    assert_ptr_equal(queue_pop_front(&q), &n[1]);
    assert_ptr_equal(queue_pop_front(&q), &n[3]);
    assert_null(queue_pop_front(&q));
}

static void the_boot_clock_does_not_go_back(void **state)
{
    (void)state;
    uint64_t before = clock_boot_us();
    for (int i = 0; i < 1000; i++) {
        const uint64_t now = clock_boot_us();
        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_wall_ms() > 1700000000000); /* this was written later than that */
    assert_true(clock_wall_us() / 1000 >= clock_wall_ms() - 1000);
}

/* RFC 4648 §10, and the text of all 256 bytes read back. */
static void base64_gives_the_published_texts_and_reads_no_others(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "+/8="},
    };
    struct buf text = {0}, bytes = {0};
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        buf_reset(&text);
        buf_reset(&bytes);
        base64_encode(bytes_from_string(pairs[i][0]), &text);
        assert_true(bytes_equal(buf_bytes(&text), bytes_from_string(pairs[i][1])));
        assert_true(base64_decode(buf_bytes(&text), &bytes));
        assert_true(bytes_equal(buf_bytes(&bytes), bytes_from_string(pairs[i][0])));
    }
    static const char *const bad[] = {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Zg==Zg==",
                                      "Z\n==", "Zm8=Zm9v", "Zm-v", "\xff\xff\xff\xff", "=Zg="};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(base64_decode(bytes_from_string(bad[i]), &bytes));
    uint8_t all[256];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (uint8_t)i;
    buf_reset(&text);
    buf_reset(&bytes);
    base64_encode(bytes_of(all, sizeof(all)), &text);
    assert_true(base64_decode(buf_bytes(&text), &bytes));
    assert_true(bytes_equal(buf_bytes(&bytes), bytes_of(all, sizeof(all))));
    buf_clear(&text);
    buf_clear(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(int64_is_read_as_redis_reads_it),
        cmocka_unit_test(uint64_takes_the_whole_range_and_no_sign),
        cmocka_unit_test(numbers_are_printed_as_printf_does),
        cmocka_unit_test(bytes_compare_by_content_then_length),
        cmocka_unit_test(a_buf_keeps_the_order_of_its_bytes),
        cmocka_unit_test(a_buf_in_steady_use_does_not_grow),
        cmocka_unit_test(a_full_buf_in_steady_use_doubles_once),
        cmocka_unit_test(buf_printf_takes_lines_of_any_length),
        cmocka_unit_test(a_reader_gives_back_what_was_appended),
        cmocka_unit_test(a_reader_beyond_the_end_fails_for_good),
        cmocka_unit_test(an_arena_gives_aligned_pieces_that_do_not_overlap),
        cmocka_unit_test(fail_fills_the_error_and_returns_the_status),
        cmocka_unit_test(crc32c_gives_the_values_of_rfc_3720),
        cmocka_unit_test(crc64_gives_the_values_of_redis),
        cmocka_unit_test(lzf_is_read_as_redis_reads_it),
        cmocka_unit_test(lzf_gives_back_what_was_packed),
        cmocka_unit_test(crc32c_continues_over_pieces_and_both_ways_agree),
        cmocka_unit_test(siphash_gives_the_values_of_its_paper),
        cmocka_unit_test(sha1_gives_the_published_digests),
        cmocka_unit_test(sha256_gives_the_published_digests),
        cmocka_unit_test(base64_gives_the_published_texts_and_reads_no_others),
        cmocka_unit_test(prng_gives_the_published_numbers),
        cmocka_unit_test(prng_stays_below_its_limit_and_reaches_all),
        cmocka_unit_test(a_dict_holds_what_was_put_in),
        cmocka_unit_test(a_heap_gives_what_sorting_gives),
        cmocka_unit_test(a_queue_keeps_order_and_lets_go_from_amid),
        cmocka_unit_test(the_boot_clock_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
