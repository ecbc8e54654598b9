/* sim_fault.h -- what goes wrong: profiles by name, faults that end by themselves, members that
 * come and go. */

#ifndef SIM_SIM_FAULT_H
#define SIM_SIM_FAULT_H

#include "node/mail.h"
#include "sim/sim_client.h"

#define SIM_TIMERS 64

/* Weights of what happens at each fault event, and how bad it is. */
struct sim_profile {
    const char *name;
    uint32_t fault_interval_ms;  /* mean; 0 = none */
    uint32_t crash, crash_all, crash_leader, pause, cut_link, cut_node, swizzle, break_connection;
    uint32_t slow_disk, dying_disk, clock_jump, transfer, sleeper, full_disk, lost_state, build;
    uint32_t delay_max_us;       /* of a frame */
    uint32_t frame_loss_ppm;     /* a lost frame breaks its connection, late */
    uint32_t frame_copy_ppm;     /* delivered twice */
    uint32_t frame_stray_ppm;    /* and once more much later, as by a former connection */
    uint32_t chunk_damage_ppm;   /* a snapshot's chunk arrives with a wrong byte */
    uint32_t drift_ppm, skew_ms;
    bool power_loss;             /* crashes lose what was not synced */
    bool churn;                  /* members come and go */
    bool rot;                    /* rows change by themselves */
    bool upgrade;                /* builds of several feature levels, by turns */
};

struct sim_timer { /* of what ends by itself */
    struct sim_event event;
    uint32_t a, b;
};

enum churn_deed {
    CHURN_END, CHURN_REMOVE, CHURN_WIPE, CHURN_ADD, CHURN_ADD_LEARNER, CHURN_PROMOTE,
    CHURN_REPLACE, CHURN_MOVE
};
#define CHURN_DEEDS 4 /* in a round, at most */

struct sim_churn {
    struct sim_event event;
    uint32_t round, step;
    struct sim_node *node; /* whose turn it is; NULL: nobody's */
    uint64_t node_id, asked_us, until_us;
};

struct sim_rot {
    struct sim_event event;
    struct sim_node *node; /* damaged; NULL: none is */
    uint32_t writes, healed;
};

struct sim_levels {
    struct sim_event event;
    uint32_t highest; /* that any log had */
    uint32_t refused; /* starts, and lives that ended over it */
};

/* sim_fault.c */
extern const struct sim_profile sim_profiles[];
const struct sim_profile *sim_profile_find(const char *name);
void sim_faults_start(struct sim *s);
void sim_faults_end(struct sim *s);

/* sim_churn.c */
void sim_churn_start(struct sim *s);
void sim_churn_answer(struct sim *s, const struct admin *admin);

/* sim_rot.c */
void sim_rot_start(struct sim *s);
void sim_rot_check(struct sim *s); /* in the end: what was damaged was found and healed */

/* sim_levels.c */
struct sim_node;
void sim_levels_start(struct sim *s);
void sim_levels_init(struct sim *s, struct sim_node *n);
void sim_levels_change(struct sim *s, struct sim_node *n); /* of a node that is down */
void sim_levels_look(struct sim *s, struct sim_node *n);   /* after each of its turns */
/* It takes its log, or what it was sent, for one of a newer build; false: it had no reason. */
bool sim_levels_refused(struct sim *s, struct sim_node *n);
void sim_levels_end(struct sim *s);
void sim_levels_check(struct sim *s);

#endif
