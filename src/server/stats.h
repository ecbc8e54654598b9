/* stats.h -- what INFO counts, and what the server knows of each command beyond its row: who
 * answers it here, how often, how long. */

#ifndef SERVER_STATS_H
#define SERVER_STATS_H

#include "base/bytes.h"
#include "command/command.h"

struct conn;
struct histogram;
struct server;

/* What a request does to its session; none of these goes to the table's function. */
enum session_op { OP_NONE, OP_MULTI, OP_EXEC, OP_DISCARD, OP_WATCH, OP_UNWATCH, OP_QUIT, OP_RESET };

typedef void local_run(struct server *s, struct conn *c, struct exec *x);

struct local_row {
    const char *name; /* full */
    local_run *run;
    bool at_once; /* depends on nothing that is in flight: no barrier (ARCHITECTURE §3.10) */
};

struct command_info {
    const struct command *command;
    const struct local_row *local; /* CMD_LOCAL: who answers; NULL: nobody yet */
    uint8_t op;
    bool is_debug;   /* a subcommand of DEBUG */
    bool has_passwords; /* that travel as hashes: ACL SETUSER */
    bool has_secret; /* its arguments may be passwords: not for slow log and MONITOR */
    uint64_t calls, failed, rejected, ticks;
    struct histogram *latency; /* NULL: never called, or latency-tracking is off */
    char name[COMMAND_NAME_MAX];
};

#define ERROR_CODES_MAX 128

struct error_count {
    char code[ERROR_CODE_MAX];
    uint64_t count;
};

#define RATE_SAMPLES 16

struct stats {
    uint64_t connections, rejected_connections, commands, input_bytes, output_bytes;
    uint64_t reads, writes, error_replies;
    uint64_t input_limit_closes, output_limit_closes, idle_closes, evicted_clients;
    uint64_t expired_keys;
    uint64_t purged_before; /* buried objects that were gone when counting began */
    struct error_count errors[ERROR_CODES_MAX];
    size_t error_code_count;
    uint64_t peak_memory;
    /* per second, over the last samples of the cron */
    uint64_t rate_commands[RATE_SAMPLES], rate_input[RATE_SAMPLES], rate_output[RATE_SAMPLES];
    uint64_t last_commands, last_input, last_output, last_sample_us;
    size_t sample;
};

/* Commands that changed something: all, those before the last flush began, those flushed. CONFIG
 * RESETSTAT leaves them alone. */
struct change_counts {
    uint64_t all, cut, saved;
    uint64_t last_stamp; /* of the last one; of an EXEC all share it, but not their arguments */
    const void *last_args;
};

struct commands_info; /* all of them, by command */
struct commands_info *commands_info_new(const struct local_row *locals, size_t count);
void commands_info_free(struct commands_info *all);
struct command_info *commands_info_of(struct commands_info *all, const struct command *command);
struct command_info *commands_info_at(struct commands_info *all, size_t n); /* NULL: the end */
size_t commands_info_count(const struct commands_info *all);

/* A call that took so long; track: into its histogram too. */
void command_info_called(struct command_info *info, uint64_t ticks, bool track);

void stats_count_errors(struct stats *s, const char *code, uint32_t count);
/* One sample of the rates, by the cron. */
void stats_sample(struct stats *s, uint64_t now_us);
uint64_t stats_rate(const uint64_t samples[static RATE_SAMPLES]);
/* CONFIG RESETSTAT */
void stats_reset(struct stats *s, struct commands_info *all);

/* A cheap clock for durations of commands: the processor's counter where there is one. */
uint64_t ticks_now(void);
uint64_t ticks_to_us(uint64_t ticks);
uint64_t ticks_to_ns(uint64_t ticks);
uint64_t ticks_from_us(uint64_t us); /* UINT64_MAX until the rate is known */
void ticks_calibrate(void); /* by the cron: compares it with the real clock */

#endif
