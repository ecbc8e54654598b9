/* http.h -- the HTTP port of a node: health, metrics, the dashboard and its interface
 * (docs/HTTP.md).
 *
 *        browser, Prometheus, probes
 *                  |
 *   HTTP thread: evhttp, limits, routes
 *        |  calls (mailbox) ->  ^ answers (mailbox)         socketpair: commands, as any client
 *        v                      |                                 |
 *   data loop: http_turn(), a few calls in each turn  <-----------+
 *
 * HTTP is read and written on a thread of its own, so that neither hostile bytes nor thousands of
 * connections are ever in the way of data, and so that /healthz can tell when a loop stands still.
 * Whatever needs the node's state is a call, made in the data loop; whatever is a command goes
 * through a connection, as a client's. */

#ifndef ADMIN_HTTP_H
#define ADMIN_HTTP_H

#include "base/status.h"

struct http;
struct server;

/* Listens on http-port, and becomes the server's guest; *http NULL when the port is 0. After
 * server_open(). */
enum status http_open(struct server *s, struct http **http, struct error *e) MUST_CHECK;
/* Starts the thread. */
void http_start(struct http *h);
/* Ends it, answers what is under way with an error. Before server_close(). */
void http_stop(struct http *h);
/* After it: the data loop's workers had what belongs to calls. */
void http_free(struct http *h);

#endif
