/* urgent.h -- threads that a whole cluster waits for go before others. */

#ifndef SERVER_URGENT_H
#define SERVER_URGENT_H

#define URGENT_NICE (-10) /* nine times the share of a thread with the usual 0 */

/* The calling thread goes before others from now on, where the system allows it (root,
 * CAP_SYS_NICE, or an RLIMIT_NICE of 30, which is LimitNICE=-10 of systemd); elsewhere it stays as
 * it is, and says so in the log at level debug. For threads that need little and are waited for
 * much: an overloaded node whose heartbeats wait behind its own commands loses its office. */
void urgent_thread(void);

#endif
