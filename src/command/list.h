/* list.h -- what the files of list commands share.
 *
 * An element's key in SPACE_ELEMENT is its position, 8 bytes. Pushing goes LIST_STEP beyond the
 * end; LINSERT takes the middle between two positions, LREM leaves a hole. Fields of the object:
 *
 *     first:8  last:8  regular:1
 *
 * the positions at both ends, and whether the element at an index has position first + index *
 * LIST_STEP. Where not, a short way is counted from the nearer end, a long one by fences. */

#ifndef COMMAND_LIST_H
#define COMMAND_LIST_H

#include "command/args.h"

#define LIST_STEP ((uint64_t)1 << 20)

enum list_end { LIST_LEFT, LIST_RIGHT };

/* Argument n is LEFT or RIGHT; false: it replied. */
bool arg_list_end(struct exec *x, uint32_t n, enum list_end *end);

void list_push(struct exec *x, struct object *list, enum list_end end, struct bytes value);
/* The value at an end. list is not empty. */
struct bytes list_peek(struct object *list, enum list_end end);
/* Takes the element at an end away. */
void list_drop(struct object *list, enum list_end end);

/* The index that counts from the end if it is negative; false: outside. */
bool list_index(const struct object *list, int64_t number, uint64_t *index);
/* Where the element at an index lies, and the value there: borrowed as object_get()'s. */
uint64_t list_position(struct object *list, uint64_t index);
struct bytes list_value(struct object *list, uint64_t position);
/* Opens a cursor in front of the element at index, in either direction. */
void list_seek(struct object *list, struct object_cursor *cursor, uint64_t index,
               enum direction direction);
bool list_next(struct object_cursor *cursor, uint64_t *position, struct bytes *value);

void list_replace(struct exec *x, struct object *list, uint64_t position, struct bytes value);
/* The new element gets this index, 0 .. count. */
void list_insert(struct exec *x, struct object *list, uint64_t index, struct bytes value);
/* Takes an element away that need not be at an end; list_mend() is due before anything else. */
void list_erase(struct object *list, uint64_t position);
void list_mend(struct exec *x, struct object *list);

/* --- fences (list_fences.c), of lists in rows; packed ones have none -------------------------- */

/* An element was put within the ends, or taken away. */
void list_fences_count(struct object *list, uint64_t position, bool more);
/* From position from up to, not including, to is no longer within the ends. */
void list_fences_cut(struct object *list, uint64_t from, uint64_t to);
void list_fences_clear(struct object *list);
/* The position of the element at index, of a list from position first to last. */
uint64_t list_fences_find(struct object *list, uint64_t first, uint64_t last, uint64_t index);

#endif
