/* metrics.h -- what a node knows of itself as Prometheus reads it (text format 0.0.4). */

#ifndef ADMIN_METRICS_H
#define ADMIN_METRICS_H

#include "base/buf.h"

struct server;

/* In the data loop, after the consensus half has told its status (pending_call). */
void metrics_text(struct server *s, struct buf *to);

#endif
