/* install.c -- the data half of a snapshot's install (ARCHITECTURE §3.7 step 5).
 *
 *   MAIL_INSTALL -> entries mailed before it are applied -> no flush runs -> the store changes its
 *   generation -> cache, keyspace, machine begin anew -> batches of the gap are answered
 *   -> MAIL_INSTALLED
 *
 * The order lies in the same mailbox as the entries, and consensus mails none behind it before the
 * answer: so the state between the two is exactly what was applied. A failure of the store stops
 * the node: the next start finds the old generation or the new one, whole. */

#include "node/shard_internal.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/panic.h"
#include "kv/state_store.h"

void install_take(struct shard *s, const struct shard_mail *mail)
{
    CHECK(s->install.step == INSTALL_NONE);
    s->install.index = mail->index;
    s->install.term = mail->term;
    s->install.step = INSTALL_DUE;
}

static void change_state(struct shard *s)
{
    struct error e;
    if (state_store_install(s->o.store, &e) != STATUS_OK)
        panic("cannot install a snapshot: %s", e.text);
    cache_reset(s->cache, state_store_kv(s->o.store));
    keyspace_reload(s->keyspace);
    machine_reload(s->machine);
    const struct applied applied = keyspace_applied(s->keyspace);
    CHECK(applied.index == s->install.index);
    CHECK(applied.term == s->install.term);
    CHECK(applied.index > s->applied_index);
    s->applied_index = applied.index;
    s->installs++;
    s->applied_term = applied.term;
    s->term = MAX(s->term, applied.term);
    flush_open(s);
    s->log_bytes = 0;
    s->expiry_deadline_ms = 0;
    s->expiry_at_us = s->now_us;
    log_info("shard", "the state is a snapshot's now", "index=%" PRIu64 " term=%" PRIu64,
             applied.index, applied.term);
}

static void tell(struct shard *s)
{
    const struct consensus_mail mail = {
        .kind = MAIL_INSTALLED, .index = s->applied_index, .ok = s->install.ok};
    if (shard_mail(s, &mail))
        s->install.step = INSTALL_NONE;
}

void install_turn(struct shard *s)
{
    if (s->install.step == INSTALL_DUE && s->committed_count == 0 && s->flush.cut == NULL) {
        s->install.ok = s->applied_index < s->install.index;
        if (s->install.ok) {
            change_state(s);
            propose_installed(s);
            blocked_installed(s);
        }
        s->install.step = INSTALL_TELL;
    }
    if (s->install.step == INSTALL_TELL)
        tell(s);
}
