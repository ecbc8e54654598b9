/* http_guard.h -- how often a password may be wrong over HTTP: from one address, and in all.
 *
 *   each wrong one costs a while (COST); who owes more than a burst of them waits
 *
 *   address   10 at once, then one in 6 s         in all   100 at once, then one in 0.6 s
 *
 * In all, since a guesser may have many addresses. But that would let him keep all others out: so
 * an address that the right password came from before is not counted among all. Logins that are
 * made already (cookies) ask nothing here. Of an IPv6 address the first half counts: who has one
 * has all of the second. */

#ifndef ADMIN_HTTP_GUARD_H
#define ADMIN_HTTP_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#define GUARD_SEATS 256

struct guard_seat {
    uint64_t address; /* 0: free */
    uint64_t owes_until_us;
    bool is_known; /* the right password came from there */
};

struct http_guard {
    struct guard_seat seats[GUARD_SEATS];
    uint64_t owes_until_us; /* all together */
};

/* "192.0.2.1:1234", "2001:db8::1:1234" -> what stands for it; never 0. */
uint64_t guard_address(const char *text);
/* 0: a password may be tried; else for how many seconds none may. */
unsigned guard_wait_s(const struct http_guard *g, uint64_t address, uint64_t now_us);
void guard_note(struct http_guard *g, uint64_t address, bool is_right, uint64_t now_us);

#endif
