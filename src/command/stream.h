/* stream.h -- streams as rows, for the files of stream commands.
 *
 *     SPACE_ENTRY   id                   -> count:4 { size:4 bytes } ...  fields and values in turn
 *     SPACE_NODE    id of its first      -> struct stream_node
 *
 * id is ms:8 seq:8. Numbers in subkeys are big-endian, in values little-endian.
 *
 * A node stands for what is one listpack in Redis: as many entries as stream-node-max-entries and
 * -bytes allow. Only approximate trimming, LIMIT and XINFO show it.
 *
 * Who walks begins at first or behind it, never at the front of a space: where a stream is trimmed
 * as it grows, there lie the deleted rows of all its life. */

#ifndef COMMAND_STREAM_H
#define COMMAND_STREAM_H

#include "command/args.h"

#define STREAM_ID_SIZE 16
#define STREAM_FACTS_SIZE 40 /* of its fields in the meta row: last, max_deleted, added */
#define STREAM_ID_TEXT 42 /* "18446744073709551615-18446744073709551615" and a NUL */

struct stream_id {
    uint64_t ms, seq;
};
#define STREAM_ID_MAX ((struct stream_id){UINT64_MAX, UINT64_MAX})
#define STREAM_ID_MIN ((struct stream_id){0, 0})

struct stream {
    struct object object;
    struct stream_id first;       /* entry that is there; 0-0: none is */
    struct stream_id last;        /* the highest ever given */
    struct stream_id max_deleted; /* the highest that XDEL took away */
    uint64_t added;               /* entries, ever */
    uint64_t node_count;
    uint64_t group_count;
    uint64_t last_number; /* given to a group or consumer; see stream_group.h */
    struct stream_id last_node; /* id of its first entry; 0-0: there is none */
};

int stream_id_compare(struct stream_id a, struct stream_id b);
struct stream_id stream_id_max(struct stream_id a, struct stream_id b);
bool stream_id_next(struct stream_id *id); /* false: there is none */
bool stream_id_previous(struct stream_id *id);
struct bytes stream_id_encode(struct stream_id id, uint8_t key[static STREAM_ID_SIZE]);
struct stream_id stream_id_decode(struct bytes key);
void reply_stream_id(struct exec *x, struct stream_id id);

/* "ms" or "ms-seq"; where seq lacks, missing_seq. */
bool stream_id_parse(struct bytes text, uint64_t missing_seq, struct stream_id *id);
/* Argument n as an id; false: it has replied. */
bool arg_stream_id(struct exec *x, uint32_t n, struct stream_id *id);
/* The same, or "ms-*": then *has_seq is false. */
bool arg_new_stream_id(struct exec *x, uint32_t n, struct stream_id *id, bool *has_seq);
/* One end of a range: also "-", "+", and "(" before an id that is left out. */
bool arg_range_start(struct exec *x, uint32_t n, struct stream_id *id);
bool arg_range_end(struct exec *x, uint32_t n, struct stream_id *id);

/* Opens key args[n]; absent: object.type TYPE_NONE. False: it is of another type, and that is the
 * reply. Close s->object. */
bool stream_open(struct exec *x, uint32_t n, struct stream *s);
void stream_create(struct stream *s);
/* What the stream's object knows of it, into s, but for s->object; and from s into the object. */
void stream_facts(const struct object *o, struct stream *s);
void stream_keep_facts(struct stream *s);
/* changed() for a stream. */
void stream_changed(struct exec *x, struct stream *s, const char *event);

/* --- nodes ------------------------------------------------------------------------------------ */

/* As a row: last:16 bytes:8 count:4 deleted:4 before:16, then the names of the first entry's
 * fields, which later entries with the same ones do not repeat in Redis's listpack. */
struct stream_node {
    struct stream_id first, last; /* entries there ever were */
    uint64_t bytes;               /* of the listpack, but for its head, count and deleted */
    uint32_t count, deleted;
    struct stream_id before;      /* the node that was last when this one began; may be gone */
    struct bytes names;           /* borrowed from the row, or a buffer */
};
/* A new one's before is s->last_node, which it becomes then itself. */
void stream_node_put(struct stream *s, const struct stream_node *n);
/* The next one of a cursor over SPACE_NODE. */
bool stream_node_next(struct object_cursor *cursor, struct stream_node *n);

/* --- entries ---------------------------------------------------------------------------------- */

/* Adds the pairs args[first] .. to the end, under id, which is higher than last. */
void stream_append(struct exec *x, struct stream *s, struct stream_id id, uint32_t first);
bool stream_delete(struct stream *s, struct stream_id id);
/* Whether entry id is there; *value: its row, borrowed until the next change. */
bool stream_entry(struct stream *s, struct stream_id id, struct bytes *value);
/* How many entries there are behind id, by whole nodes, so that it may be some more; stops counting
 * above most. */
uint64_t stream_count_behind(struct stream *s, struct stream_id id, uint64_t most);
/* The last that is there; false: it is empty, and *id 0-0. */
bool stream_last(struct stream *s, struct stream_id *id);

struct stream_range {
    struct stream_id start, end;
    uint64_t count; /* 0: all */
    bool reversed;
};
/* [id, [field, value ...]] of a row of SPACE_ENTRY. */
void reply_stream_entry(struct exec *x, struct stream_id id, struct bytes value);
/* An array of them. */
void reply_stream_range(struct exec *x, struct stream *s, const struct stream_range *range);

struct stream_trim {
    enum { TRIM_NONE, TRIM_MAXLEN, TRIM_MINID } by;
    bool approximate;
    uint64_t maxlen;
    struct stream_id minid;
    uint64_t limit; /* entries; 0: none */
};
/* How many entries it took away. */
uint64_t stream_trim(struct stream *s, const struct stream_trim *t);

#endif
