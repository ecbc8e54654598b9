/* verify_backup.c -- reads every byte of a backup, or of all in a series, against its checksum. */

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/panic.h"
#include "check/check.h"
#include "kv/backup_set.h"

void print_time_of(uint64_t ms)
{
    char text[32] = "never";
    const time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    if (ms > 0 && gmtime_r(&seconds, &utc) != NULL) {
        const size_t size = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
        snprintf(text + size, sizeof(text) - size, ".%03uZ", (unsigned)(ms % 1000));
    }
    fputs(text, stdout);
}

static bool has(const char *path, const char *name)
{
    char file[DISK_PATH_MAX];
    uint64_t size;
    struct error e;
    return disk_join(file, path, name, &e) == STATUS_OK &&
           disk_size(disk_real(), file, &size, &e) == STATUS_OK;
}

bool is_backup(const char *path)
{
    return has(path, "MANIFEST") || has(path, "SERIES");
}

static int verify_one(const char *path)
{
    struct backup_manifest m;
    struct error e;
    int mistakes = 0;
    uint64_t bytes = 0;
    if (backup_manifest_read(disk_real(), path, &m, &e) != STATUS_OK) {
        printf("WRONG: %s\n", e.text);
        return 1;
    }
    for (uint32_t i = 0; i < m.count; i++) {
        bytes += m.files[i].size;
        if (backup_take(disk_real(), path, &m.files[i], NULL, &e) == STATUS_OK)
            continue;
        printf("WRONG: %s\n", e.text);
        mistakes++;
    }
    printf("%s: cluster %016" PRIx64 ", node %" PRIu64 ", entries up to %" PRIu64
           " (state %" PRIu64 "), ", path, m.cluster, m.node, m.last_index, m.index);
    print_time_of(m.last_clock_ms);
    printf(", %u files, %" PRIu64 " bytes\n", m.count, bytes);
    backup_manifest_clear(&m);
    return mistakes;
}

static int verify_series(const char *dir)
{
    struct buf numbers = {0};
    struct error e;
    int mistakes = 0;
    if (backup_list(disk_real(), dir, &numbers, &e) != STATUS_OK)
        return check_failed(&e);
    for (size_t i = 0; i < numbers.size; i += sizeof(uint64_t)) {
        char path[DISK_PATH_MAX];
        uint64_t number;
        memcpy(&number, buf_data(&numbers) + i, sizeof(number));
        if (backup_path(dir, number, path, &e) == STATUS_OK)
            mistakes += verify_one(path);
    }
    if (numbers.size == 0)
        printf("no backup is whole yet\n");
    buf_clear(&numbers);
    return mistakes;
}

int check_verify_backup(const char *path)
{
    const int mistakes = has(path, "MANIFEST") ? verify_one(path) : verify_series(path);
    if (mistakes == 0)
        printf("sound\n");
    else
        printf("%d mistakes\n", mistakes);
    return mistakes == 0 ? 0 : 1;
}
