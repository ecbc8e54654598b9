/* fake_shard.h -- a shard that only writes down what the server asks of it, and answers when the
 * test says so. Stands in for libnode.a. */

#ifndef TEST_FAKE_SHARD_H
#define TEST_FAKE_SHARD_H

#include "server/server.h"

#define FAKE_CALLS_MAX 4096
#define FAKE_DOWN 9 /* a node to which there is no connection */

struct fake_call {
    bool is_read;           /* shard_read, not shard_write */
    uint8_t kind, flags, db;
    uint32_t arg_count;
    struct buf words;       /* its arguments, a blank behind each; EXEC: encoded, le32 size each */
    struct reply_slot *slot;
    bool is_answered, is_forgotten;
};

struct fake_shard {
    struct fake_call calls[FAKE_CALLS_MAX];
    size_t count;
    size_t room;            /* calls that are still taken */
    bool has_peers, takes_relays; /* for shard_relay(): */
    struct buf relayed;     /* all that was given to it */
    uint64_t relayed_to;
    struct keyspace *keyspace; /* a real one, in memory: for WATCH */
};

extern struct fake_shard fake;
void fake_open(void);
void fake_close(void);

/* Answers call n with bytes of RESP; an error if they begin with '-'. */
void fake_answer(struct server *s, size_t n, const char *reply);
/* An entry puts key in database 0: it has a new stamp, which is returned. */
uint64_t fake_put(const char *key);
/* An entry sets the default user's password. */
void fake_set_password(struct acl *a, struct bytes password);
/* Its arguments as text. */
const char *fake_words(size_t n);

#endif
