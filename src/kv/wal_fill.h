/* wal_fill.h -- zeros ahead of RocksDB's write-ahead log, so that a sync writes data alone.
 *
 * A file that grows changes its size with each write, and each sync then has to write the inode
 * too: a second trip to the disk. In a file that is there already a sync is one trip.
 *
 *     | records .......... | zeros .................. |
 *                          ^ RocksDB writes here      ^ end of the file
 *
 * RocksDB writes at its own position, not at the end of the file, so it overwrites the zeros; its
 * reader takes a record of type 0 and length 0 for unused space and goes on to the end of the
 * file; and closing the file cuts what was not used. After a crash the zeros are simply still
 * there. A record torn in the midst of them fails its CRC, or lacks its end, and recovery stops
 * there as it does at the end of a short file.
 *
 * Invariants:
 *   - zeros go only where RocksDB has not written: behind the file's size as it was when nobody
 *     else had filled it, or behind our own zeros;
 *   - nobody appends meanwhile: the caller is the only writer of the database;
 *   - it is an optimization: whatever fails here leaves a log that grows, as without it. */

#ifndef KV_WAL_FILL_H
#define KV_WAL_FILL_H

#include <stddef.h>
#include <sys/types.h>

struct wal_fill {
    int fd;             /* the newest log file; -1: none */
    unsigned long number;
    off_t end;          /* our zeros reach up to here */
    size_t written;     /* since the last look, estimated from above */
    size_t room;        /* to be written before the next look */
    size_t fill_bytes;  /* zeros at a time */
};

/* file_bytes: about as long a log file gets (the write buffer): no more zeros than that. */
void wal_fill_init(struct wal_fill *f, size_t file_bytes);
void wal_fill_clear(struct wal_fill *f);

/* The database in dir has just written a batch of size bytes. */
void wal_fill_written(struct wal_fill *f, const char *dir, size_t size);

#endif
