/* elements.h -- what collections share: their elements given one by one, all of
 * them or random ones, and the scan commands. space is SPACE_FIELD or SPACE_MEMBER. */

#ifndef COMMAND_ELEMENTS_H
#define COMMAND_ELEMENTS_H

#include "command/args.h"
#include "command/scan.h"

/* What a command does with an element it is given; subkey and value are borrowed until it returns.
 * It may change or delete that element. */
typedef void give_element(struct exec *x, struct object *o, struct bytes subkey,
                          struct bytes value);

/* Replies with the subkey: a field, a member. */
void give_subkey(struct exec *x, struct object *o, struct bytes subkey, struct bytes value);

/* The part of a range of indexes, which count from the end if negative, that lies within count
 * elements: how many, from *from on. */
uint64_t elements_range(uint64_t count, int64_t first, int64_t last, uint64_t *from);

void elements_give_all(struct exec *x, struct object *o, uint8_t space, give_element *give);

/* count different elements drawn by chance; all when there are no more. Returns how many. */
uint64_t elements_draw(struct exec *x, struct object *o, uint8_t space, uint64_t count,
                       give_element *give);

/* count elements drawn by chance, each anew. o is not empty. */
void elements_draw_again(struct exec *x, struct object *o, uint8_t space, uint64_t count,
                         give_element *give);

/* SRANDMEMBER, HRANDFIELD, ZRANDMEMBER key: one random element's subkey, or null. */
void reply_random_element(struct exec *x, enum type type, uint8_t space);

/* The same with a count: how many, whether one may be given again (the count was negative), and
 * what is told of each. */
struct draw {
    uint64_t count;
    bool again;
    uint8_t bulks; /* elements of the reply that give makes of each */
    give_element *give;
};
/* Takes count and again from argument n; false: it has replied. */
bool arg_draw(struct exec *x, uint32_t n, struct draw *d);
void reply_draw(struct exec *x, enum type type, uint8_t space, const struct draw *d);

/* The whole of HRANDFIELD and ZRANDMEMBER: key [count [word]]. With word, pair gives subkey and
 * value, in RESP3 as an array. */
void reply_random_pairs(struct exec *x, enum type type, uint8_t space, const char *word,
                        give_element *pair);

/* HDEL, SREM, ZREM key subkey ... -> how many there were */
void delete_elements(struct exec *x, enum type type, uint8_t space, enum event_class event_class,
                     const char *event);

/* HLEN, SCARD, ZCARD key */
void reply_element_count(struct exec *x, enum type type);

/* The whole of HSCAN, SSCAN, ZSCAN; note puts what is to be told of an element into the scan. */
typedef void note_element(struct scan *s, struct bytes subkey, struct bytes value);
void elements_scan(struct exec *x, enum type type, uint8_t space, note_element *note);

#endif
