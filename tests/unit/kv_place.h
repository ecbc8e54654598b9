/* kv_place.h -- a directory to test in: on the disk in memory, or on the real one. */

#ifndef KV_PLACE_H
#define KV_PLACE_H

#include <stdio.h>
#include <stdlib.h>

#include "kv/disk.h"
#include "kv/kv_mem.h"

enum place_kind { PLACE_MEM, PLACE_REAL };

struct place {
    struct disk *disk;
    struct kv_mem_disk *mem; /* NULL: the real one */
    char dir[64];
};

/* seed: of the disk in memory. */
static inline void place_open(struct place *p, enum place_kind kind, uint64_t seed)
{
    *p = (struct place){.dir = "kv-test-XXXXXX"};
    if (kind == PLACE_REAL) {
        p->disk = disk_real();
        assert_non_null(mkdtemp(p->dir));
        return;
    }
    p->mem = kv_mem_disk_new(seed);
    p->disk = kv_mem_disk(p->mem);
    assert_int_equal(disk_make_dir(p->disk, p->dir, NULL), STATUS_OK);
}

static inline void place_close(struct place *p)
{
    assert_int_equal(disk_remove(p->disk, p->dir, NULL), STATUS_OK);
    if (p->mem != NULL)
        kv_mem_disk_free(p->mem);
}

/* dir/name; the last four stay valid. */
static inline const char *place_path(const struct place *p, const char *name)
{
    static char paths[4][DISK_PATH_MAX];
    static int next;
    next = (next + 1) % 4;
    assert_int_equal(disk_join(paths[next], p->dir, name, NULL), STATUS_OK);
    return paths[next];
}

/* test(kind), once for each kind of place, as rows for cmocka. */
#define BOTH(test)                        \
    static void test##_mem(void **state)  \
    {                                     \
        (void)state;                      \
        test(PLACE_MEM);                  \
    }                                     \
    static void test##_real(void **state) \
    {                                     \
        (void)state;                      \
        test(PLACE_REAL);                 \
    }
#define ROWS(test) cmocka_unit_test(test##_mem), cmocka_unit_test(test##_real)

#define MUST(call)                                                                      \
    do {                                                                                \
        struct error must_error = {0};                                                  \
        struct error *const error = &must_error;                                        \
        const enum status must_status = (call);                                         \
        if (must_status != STATUS_OK)                                                   \
            fail_msg("%s: %s: %s", #call, status_text(must_status), must_error.text);   \
    } while (0)

#endif
