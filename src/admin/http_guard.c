#include "admin/http_guard.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include "base/bytes.h"

#define ADDRESS_COST_US UINT64_C(6000000)
#define ADDRESS_BURST 10
#define ALL_COST_US UINT64_C(600000)
#define ALL_BURST 100
#define SECOND_US UINT64_C(1000000)

uint64_t guard_address(const char *text)
{
    char host[64];
    uint8_t bytes[sizeof(struct in6_addr)];
    const char *colon = strrchr(text, ':');
    const size_t size = colon == NULL ? strlen(text) : (size_t)(colon - text);
    snprintf(host, sizeof(host), "%.*s", (int)MIN(size, sizeof(host) - 1), text);
    if (inet_pton(AF_INET, host, bytes) == 1)
        return UINT64_C(1) << 32 | (uint64_t)bytes[0] << 24 | (uint64_t)bytes[1] << 16 |
               (uint64_t)bytes[2] << 8 | bytes[3];
    if (inet_pton(AF_INET6, host, bytes) != 1)
        return 1; /* nobody known: all of them are one */
    uint64_t half = 0;
    for (int i = 0; i < 8; i++)
        half = half << 8 | bytes[i];
    return half == 0 ? 1 : half;
}

/* Its seat's number; GUARD_SEATS: it has none. */
static size_t find(const struct http_guard *g, uint64_t address)
{
    size_t i = 0;
    while (i < GUARD_SEATS && g->seats[i].address != address)
        i++;
    return i;
}

/* Who owes least gives way; those who are known only to others who are. */
static struct guard_seat *make_seat(struct http_guard *g, uint64_t address)
{
    struct guard_seat *least = &g->seats[0];
    for (int i = 1; i < GUARD_SEATS; i++) {
        struct guard_seat *seat = &g->seats[i];
        if (seat->is_known != least->is_known ? least->is_known
                                              : seat->owes_until_us < least->owes_until_us)
            least = seat;
    }
    *least = (struct guard_seat){.address = address};
    return least;
}

static uint64_t wait_us(uint64_t owes_until_us, uint64_t credit_us, uint64_t now_us)
{
    return owes_until_us > now_us + credit_us ? owes_until_us - now_us - credit_us : 0;
}

unsigned guard_wait_s(const struct http_guard *g, uint64_t address, uint64_t now_us)
{
    const size_t at = find(g, address);
    uint64_t wait = 0;
    if (at < GUARD_SEATS)
        wait = wait_us(g->seats[at].owes_until_us, ADDRESS_COST_US * (ADDRESS_BURST - 1), now_us);
    if (at == GUARD_SEATS || !g->seats[at].is_known)
        wait = MAX(wait, wait_us(g->owes_until_us, ALL_COST_US * (ALL_BURST - 1), now_us));
    return (unsigned)((wait + SECOND_US - 1) / SECOND_US);
}

void guard_note(struct http_guard *g, uint64_t address, bool is_right, uint64_t now_us)
{
    const size_t at = find(g, address);
    struct guard_seat *seat = at < GUARD_SEATS ? &g->seats[at] : make_seat(g, address);
    if (is_right) {
        seat->is_known = true; /* what it owes stays: others may guess from there */
        return;
    }
    seat->owes_until_us = MAX(seat->owes_until_us, now_us) + ADDRESS_COST_US;
    if (!seat->is_known)
        g->owes_until_us = MAX(g->owes_until_us, now_us) + ALL_COST_US;
}
