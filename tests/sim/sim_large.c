/* sim_large.c -- requests that no entry holds: they travel in parts, each a batch of its own
 * (ARCHITECTURE §4, Large requests). Each client writes a key of its own, whose value repeats a
 * number that rises; what is read must begin and end with one number, one that may be there. */

#include "sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "machine/machine.h"

#define DIGITS 8
#define LARGE_SIZE ((size_t)2300000 / DIGITS * DIGITS) /* three parts */

static struct bytes key_of(const struct sim_client *c, char name[static 24])
{
    const long number = c - c->sim->clients;
    return bytes_of(name, (size_t)snprintf(name, 24, "large:%ld", number));
}

bool sim_large_set(struct sim_client *c)
{
    char name[24], digits[DIGITS + 1];
    char *value = xmalloc(LARGE_SIZE);
    snprintf(digits, sizeof(digits), "%0*u", DIGITS, c->large.tried + 1);
    for (size_t at = 0; at < LARGE_SIZE; at += DIGITS)
        memcpy(value + at, digits, DIGITS);
    const struct bytes words[3] = {BYTES("SET"), key_of(c, name), bytes_of(value, LARGE_SIZE)};
    const struct request r = {.kind = REQ_COMMAND, .args = words, .arg_count = 3};
    const bool sent = sim_submit(c->at, &c->call, &r, WAY_WRITE);
    free(value);
    c->large.tried += sent;
    return sent;
}

bool sim_large_get(struct sim_client *c)
{
    static const char *const ends[2][2] = {{"0", "7"}, {"-8", "-1"}};
    struct buf parts[3] = {{0}};
    struct bytes args[3];
    char name[24];
    exec_encode_watches(&parts[0], NULL, 0);
    for (uint32_t i = 0; i < 2; i++) {
        const struct bytes words[4] = {BYTES("GETRANGE"), key_of(c, name),
                                       bytes_from_string(ends[i][0]),
                                       bytes_from_string(ends[i][1])};
        const struct request command = {.kind = REQ_COMMAND, .flags = REQUEST_READ, .args = words,
                                        .arg_count = 4};
        exec_encode_command(&parts[1 + i], &command);
    }
    for (uint32_t i = 0; i < 3; i++)
        args[i] = buf_bytes(&parts[i]);
    const struct request r = {.kind = REQ_EXEC, .args = args, .arg_count = 3};
    const bool sent = sim_submit(c->at, &c->call, &r, WAY_READ);
    for (uint32_t i = 0; i < 3; i++)
        buf_clear(&parts[i]);
    return sent;
}

void sim_large_set_done(struct sim_client *c)
{
    c->large.acknowledged = c->large.tried;
}

void sim_large_got(struct sim_client *c, const char *text)
{
    if (sim_parse_number(&text) != 2) {
        sim_fail(c->sim, "an EXEC of two GETRANGE answered otherwise");
        return;
    }
    const int64_t first = sim_parse_number(&text), last = sim_parse_number(&text);
    if (first != last)
        sim_fail(c->sim, "a large value begins with %" PRId64 " and ends with %" PRId64, first,
                 last);
    if (first < (int64_t)c->large.acknowledged || first > (int64_t)c->large.tried)
        sim_fail(c->sim, "a large value is %" PRId64 ", of %u acknowledged and %u tried", first,
                 c->large.acknowledged, c->large.tried);
}
