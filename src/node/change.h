/* change.h -- changes of members and of leadership that are under way: what admin.c (requests and
 * answers), membership.c (the steps) and caretaker.c (what a leader sees to by itself) share.
 *
 *   ADD          START -> CONTACT (dial it: is it empty, does it have our secret?)
 *                      -> LEARNER (CONFIG entry: its id is now used up) -> introduced
 *                      -> CATCH_UP -> VOTER (joint change) -> done
 *   ADD_LEARNER  the same up to CATCH_UP -> done: a spare
 *   REPLACE      as ADD; the joint change takes the new one in and the old one out at once
 *   PROMOTE      START -> CATCH_UP -> VOTER -> done
 *   REMOVE       START -> VOTER -> done
 *   TRANSFER     START -> TRANSFER -> done
 *   on a follower: FORWARDED -> the leader's answer
 *
 * A change lives on the leader that took it; when that leader goes, the answer is that nobody
 * knows, and asking again goes on where it stands. */

#ifndef NODE_CHANGE_H
#define NODE_CHANGE_H

#include "node/mail.h"
#include "node/members.h"

#define CHANGES_MAX 16 /* admin requests under way here */
#define SECOND_US UINT64_C(1000000)
#define CHANGE_START_US (10 * SECOND_US)    /* for the core to take a change */
#define CHANGE_CONTACT_US (5 * SECOND_US)
#define CHANGE_COMMIT_US (30 * SECOND_US)   /* for a CONFIG entry to be committed */
#define CHANGE_CATCH_UP_US (600 * SECOND_US)
#define CHANGE_FORWARDED_US (700 * SECOND_US)

struct consensus;
struct wire_admin;
struct wire_admin_reply;
struct wire_removed;

enum change_step {
    CHANGE_FREE,
    CHANGE_START,    /* not yet accepted by the core: tried again each tick */
    CHANGE_CONTACT,  /* dialing the new node */
    CHANGE_LEARNER,  /* CONFIG entry with the learner under way */
    CHANGE_CATCH_UP, /* the learner's log grows */
    CHANGE_VOTER,    /* the last change is under way */
    CHANGE_TRANSFER,
    CHANGE_FORWARDED /* the leader carries it out; its answer comes */
};

struct change {
    enum change_step step;
    struct admin *admin;      /* ours; NULL: a peer's, or (from 0) the caretaker's */
    raft_node from;           /* the peer's */
    uint64_t from_boot, from_id;
    enum admin_op op;
    raft_node node;           /* whom it is about; of REPLACE the new one */
    raft_node old;            /* REPLACE: who goes */
    raft_node emptied;        /* the learner that was there and has lost its directory; 0 = none */
    struct peer_address address;
    uint64_t id;              /* CHANGE_FORWARDED: under which the leader knows it */
    raft_index index;         /* of the CONFIG entry */
    uint64_t begun_us, deadline_us, told_us;
    uint64_t since_us;        /* CATCH_UP: it has to speak after this; 0 = whenever it did */
};

/* Whether op dials an empty node at an address. */
static inline bool change_dials(enum admin_op op)
{
    return op == ADMIN_ADD || op == ADMIN_ADD_LEARNER || op == ADMIN_REPLACE;
}

/* admin.c */
void admin_mail(struct consensus *c, struct admin *admin);
void admin_receive(struct consensus *c, raft_node from, const struct wire_admin *request);
void admin_reply(struct consensus *c, const struct wire_admin_reply *reply);
void admin_turn(struct consensus *c);
void admin_give_back(struct consensus *c);
void admin_close(struct consensus *c);
/* Gives it back, now or when there is room. */
void admin_answer(struct consensus *c, struct admin *admin, bool ok, const char *text);
void admin_stop(struct consensus *c);
void admin_leader_up(struct consensus *c); /* what was forwarded may have been lost: again */
raft_node best_successor(const struct consensus *c); /* voter with the longest log; 0 = none */
struct change *change_new(struct consensus *c, enum admin_op op, raft_node node); /* NULL: full */
/* Answers whoever asked, and frees the place. */
void change_end(struct consensus *c, struct change *change, bool ok, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* membership.c */
void membership_start(struct consensus *c, struct change *change);
void membership_go_on(struct consensus *c, struct change *change);
bool membership_is_committed(const struct consensus *c, const struct change *change);
/* An empty node answers in its place. */
bool member_is_empty(const struct consensus *c, raft_node node);
/* It is empty, and nobody will ever tell it that it is node. */
bool learner_is_emptied(const struct consensus *c, raft_node node);
/* Tells an empty learner who it is, if it can be told. */
void membership_introduce(struct consensus *c, raft_node node);
/* Heard within two election timeouts, and since its connection broke. This node itself is alive. */
bool member_is_alive(const struct consensus *c, raft_node node);
/* Heard since it last came back, and hardly behind: fit to vote. */
bool learner_is_ready(const struct consensus *c, raft_node node);
/* Of a majority of the voters in config something was heard lately. */
bool config_can_decide(const struct consensus *c, const struct raft_config *config);
/* A learner at address that is newer than old: somebody began to replace old by it. 0 = none. */
raft_node learner_beside(const struct consensus *c, raft_node old,
                         const struct peer_address *address);
/* The configuration in force, to be changed and given to membership_propose(). */
struct members membership_now(const struct consensus *c);
/* A CONFIG entry that says target, if the core takes it. */
enum status membership_propose(struct consensus *c, const struct members *target,
                               raft_index *index);

/* caretaker.c */
void caretaker_tick(struct consensus *c);
void caretaker_removed(struct consensus *c, const struct wire_removed *removed);

#endif
