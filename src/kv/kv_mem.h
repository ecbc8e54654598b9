/* kv_mem.h -- a disk in memory that crashes on demand: files, marks and databases for the simulator
 * and for tests of what happens when things break. One thread. Same seed, same calls: same end. */

#ifndef KV_KV_MEM_H
#define KV_KV_MEM_H

#include "kv/disk.h"
#include "kv/kv.h"

struct kv_mem_disk;

struct kv_mem_disk *kv_mem_disk_new(uint64_t seed);
void kv_mem_disk_free(struct kv_mem_disk *m); /* everything opened on it must be closed */

/* To be handed to whoever stores something; lives as long as m. */
struct disk *kv_mem_disk(struct kv_mem_disk *m);

/* What is open goes dead (every operation on it but closing fails), and the disk can be used again:
 *   KV_MEM_KILL        the process died: what was written stays, synced or not
 *   KV_MEM_POWER_LOSS  the machine died: of what was not synced some stays, from the front, by
 *                      chance; marks may go back */
enum kv_mem_crash { KV_MEM_KILL, KV_MEM_POWER_LOSS };
void kv_mem_disk_crash(struct kv_mem_disk *m, enum kv_mem_crash how);

/* Disk operations so far: each write, each sync, each rename, each read counts one. */
uint64_t kv_mem_disk_operations(const struct kv_mem_disk *m);

/* The count-th operation from now (1 = the next) meets its fault:
 *   KV_MEM_FAIL   STATUS_IO, not done; the disk lives on
 *   KV_MEM_FULL   STATUS_NO_SPACE, not done, if it writes; the disk lives on
 *   KV_MEM_DIE    done or not, by chance, and STATUS_IO; so does every operation until
 *                 kv_mem_disk_crash()
 * count 0 takes the fault away. */
enum kv_mem_fault { KV_MEM_FAIL, KV_MEM_FULL, KV_MEM_DIE };
void kv_mem_disk_fault(struct kv_mem_disk *m, enum kv_mem_fault fault, uint64_t count);

/* What disk_space() tells from now on; at first a TiB. Nothing is refused for want of it. */
void kv_mem_disk_set_space(struct kv_mem_disk *m, uint64_t bytes);

/* Silent damage to a closed database; false when there is no such database, row, or byte. _damage
 * flips a bit of a value, both by chance. */
bool kv_mem_disk_damage(struct kv_mem_disk *m, const char *path);
bool kv_mem_disk_flip(struct kv_mem_disk *m, const char *path, struct bytes key, size_t offset);
bool kv_mem_disk_lose(struct kv_mem_disk *m, const char *path, struct bytes key);

/* Gives the database at path the rows it had when it was taken by kv_mem_disk_keep(): a disk that
 * acknowledged writes and lost them. */
bool kv_mem_disk_keep(struct kv_mem_disk *m, const char *path);
bool kv_mem_disk_roll_back(struct kv_mem_disk *m, const char *path);

#endif
