/* doctor.h -- RAFT DOCTOR: what is wrong with the cluster as this node sees it, and what to do. */

#ifndef ADMIN_DOCTOR_H
#define ADMIN_DOCTOR_H

#include "base/buf.h"

struct server;

/* One finding a paragraph, the worst first; or that nothing is wrong. */
void doctor_text(struct server *s, struct buf *to);

#endif
