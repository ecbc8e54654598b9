/* doctor.h -- RAFT DOCTOR: what is wrong with the cluster as this node sees it, and what to do. */

#ifndef ADMIN_DOCTOR_H
#define ADMIN_DOCTOR_H

#include "base/buf.h"

struct server;

typedef void doctor_says(void *context, const char *what, const char *what_to_do);

/* Says each finding, the worst first; returns how many there are. */
uint32_t doctor_find(struct server *s, doctor_says *says, void *context);

/* One finding a paragraph, the worst first; or that nothing is wrong. */
void doctor_text(struct server *s, struct buf *to);

#endif
