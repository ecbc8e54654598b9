/* sights.h -- from the consensus half to those who look at it (HTTP's event stream): a sample of
 * its messages, bounded in what it costs.
 *
 *   node/sight.c -> sights_saw(): at most so many in each window, a full mailbox drops
 *        -> mailbox, no wake -> sights_take() by the HTTP thread, some 20 times a second
 *
 * While nobody looks the consensus half does one relaxed load a message. */

#ifndef SERVER_SIGHTS_H
#define SERVER_SIGHTS_H

#include <stdatomic.h>
#include "node/ports.h"

#define SIGHTS_WINDOW_US 100000
#define SIGHTS_CONTROL_MAX 12 /* votes and signs of life of a window, */
#define SIGHTS_DATA_MAX 8     /* and what carries data: 200 a second together */
#define SIGHTS_KEPT_MAX 1024  /* until they are taken */

struct sights;

struct seen {
    uint64_t wall_us;
    struct sight sight;
};

struct sights *sights_new(void);
void sights_free(struct sights *s);
struct sight_port sights_port(struct sights *s);

/* --- who looks: one thread -------------------------------------------------------------------- */

void sights_look(struct sights *s, bool is_on);
/* Up to max, oldest first; returns how many. */
size_t sights_take(struct sights *s, struct seen *seen, size_t max);
/* Messages left out since this was asked last. */
uint64_t sights_take_dropped(struct sights *s);

/* --- the consensus half: sights_port(s).saw --------------------------------------------------- */

/* now_us: of a clock that does not jump. */
void sights_saw(struct sights *s, const struct sight *sight, uint64_t now_us);

#endif
