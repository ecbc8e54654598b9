/* phases.h -- how long batches took at the node that proposed them, by the phases of a write.
 *
 *   first request in -- queue --> mailed -- replicate --> committed, and here -- apply --> answered
 *   `------------------------------------ write ------------------------------------------------'
 *
 * persist, the log's synced writes, is the log writer's, on every node: part of replicate. A batch
 * of reads: from its first request to its last answer. */

#ifndef NODE_PHASES_H
#define NODE_PHASES_H

#include "base/histogram.h"

enum phase { PHASE_QUEUE, PHASE_REPLICATE, PHASE_APPLY, PHASE_WRITE, PHASE_READ, PHASES };

struct phases {
    struct histogram of[PHASES];
    uint64_t worst_us[PHASES]; /* since it was taken last */
    uint64_t began_us; /* the entry that is being applied */
    uint64_t since_us, mailed_us; /* of the entry applied just now; mailed_us 0: it was not ours */
};

static inline void phase_note(struct phases *p, enum phase phase, uint64_t began_us,
                              uint64_t ended_us)
{
    const uint64_t took_us = ended_us > began_us ? ended_us - began_us : 0;
    histogram_add(&p->of[phase], took_us * 1000);
    if (took_us > p->worst_us[phase])
        p->worst_us[phase] = took_us;
}

#endif
