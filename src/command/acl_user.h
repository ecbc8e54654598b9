/* acl_user.h -- users and what each may do: Redis 7.0's rules, parsed, and asked.
 *
 *   rows "A" name -> format:1 id:4 (size:4 rule)*      replicated; written by apply alone
 *        |  acl_refresh(): when the setting row "users" says that they changed
 *        v
 *   struct acl -> struct acl_user -> selectors: commands, keys, channels
 *
 * Rows hold rules, not what they come to: a build with more commands reads the same row, and no
 * digest depends on the table of commands. A user has a number (id) that no other ever gets; it
 * travels with each request (entry.h), so that apply asks the same question on every node. The
 * default user is 0, and has a row only when it was changed.
 *
 * A selector allows a command when it allows the command itself, all its keys and all its channels;
 * a user, when one of its selectors does. The first selector is the root: that of rules outside of
 * parentheses. */

#ifndef COMMAND_ACL_USER_H
#define COMMAND_ACL_USER_H

#include "base/sha256.h"
#include "command/command.h"

#define ACL_DEFAULT_USER 0
#define ACL_NODE_USER UINT32_MAX /* a request of the node itself: may do everything */
#define ACL_USERS_SETTING "users" /* changes:8 last_id:4, of all rows of users */
#define ACL_USERS_SETTING_SIZE 12
#define ACL_USERS_MAX 10000
#define ACL_USER_BYTES_MAX ((size_t)256 << 10) /* of a user's row */
#define ACL_NAME_MAX 1024

struct acl_item {
    struct bytes text; /* owned */
    uint32_t mark;     /* keys: enum acl_permission; commands: see acl_rules.c */
};
struct acl_list {
    struct acl_item *items;
    uint32_t count, capacity;
};

enum acl_permission { ACL_MAY_READ = 1, ACL_MAY_WRITE = 2, ACL_MAY_BOTH = 3 };

struct acl_selector {
    bool all_keys, all_channels;
    bool all_commands; /* nothing was taken away since +@all */
    bool future;       /* commands of later builds too: it began with +@all */
    uint64_t allowed[COMMAND_NUMBERS_MAX / 64]; /* by command_number() */
    struct acl_list keys, channels;
    struct acl_list rules;      /* of commands, that together give allowed and first_args */
    struct acl_list first_args; /* mark: the command of which this argument alone is allowed */
};

struct acl_user {
    struct bytes name; /* owned */
    uint32_t id;
    bool is_on, has_no_password;
    bool skips_sanitize, wants_sanitize; /* was told so; both false: never */
    struct acl_list passwords; /* SHA-256 in hex */
    struct acl_selector *selectors;
    uint32_t selector_count; /* 1 at least */
};

/* --- one user (acl_rules.c) ------------------------------------------------------------------- */

/* As a new one: off, no password, no right but to channels if the setting says so. */
struct acl_user *acl_user_new(struct bytes name, bool all_channels);
struct acl_user *acl_user_copy(const struct acl_user *u);
void acl_user_free(struct acl_user *u);

/* Applies rules in order, as ACL SETUSER takes them. false: *error says why, without "ERR"; *u is
 * half changed. */
bool acl_user_apply(struct acl_user *u, const struct bytes *rules, uint32_t count,
                    bool all_channels, struct buf *error);

/* The value of its row, and back; NULL: malformed. */
void acl_user_encode(const struct acl_user *u, struct buf *row);
struct acl_user *acl_user_decode(struct bytes name, struct bytes row);

/* Whether password opens it: takes equally long wherever it differs. */
bool acl_user_opens(const struct acl_user *u, struct bytes password);

/* --- in words (acl_describe.c) ---------------------------------------------------------------- */

/* As ACL LIST behind "user NAME ". */
void acl_user_describe(const struct acl_user *u, struct buf *text);
/* As ACL GETUSER: "+@all -get", "~a %R~b", "&c". */
void acl_describe_commands(const struct acl_selector *s, struct buf *text);
void acl_describe_keys(const struct acl_selector *s, struct buf *text);
void acl_describe_channels(const struct acl_selector *s, struct buf *text);

/* Of one selector, by acl_rules.c: as the rules "+cmd" and "+@category" (a bit) do. */
void acl_selector_change(struct acl_selector *s, uint32_t number, bool allow);
void acl_selector_change_category(struct acl_selector *s, uint32_t category, bool allow);
bool acl_selector_allows(const struct acl_selector *s, uint32_t number);

/* --- may it? (acl_check.c) -------------------------------------------------------------------- */

enum acl_verdict { ACL_ALLOWED, ACL_NO_COMMAND, ACL_NO_KEY, ACL_NO_LOGIN, ACL_NO_CHANNEL };

struct acl_denial {
    enum acl_verdict verdict;
    uint32_t position; /* in args: of the key, of the channel */
};

/* x's command, args and arena alone. u NULL, a user that is gone: nothing. false: *denial says what
 * is missing. */
bool acl_check(const struct acl_user *u, const struct exec *x, struct acl_denial *denial);
/* The same by x's user as of now. true where x->acl is NULL. */
bool acl_allows(const struct exec *x, struct acl_denial *denial);
/* x's user may run its command and read any key: SORT BY, GET. */
bool acl_reads_all_keys(const struct exec *x);
/* Nothing at all is forbidden to it. */
bool acl_user_is_free(const struct acl_user *u);
/* is_pattern: of PSUBSCRIBE, which has to be given literally. */
bool acl_allows_channel(const struct acl_user *u, struct bytes channel, bool is_pattern);

/* "-NOPERM ..." without the '-', as clients are told. */
void acl_denial_text(const struct acl_denial *d, const struct command *c, struct buf *text);

/* --- all users (acl_table.c) ------------------------------------------------------------------ */

struct acl *acl_new(void); /* the default user, who may do everything */
void acl_free(struct acl *a);
/* Reads the rows again if they are others than those that *a was made from; cheap when not. */
void acl_refresh(struct acl *a, struct keyspace *k);
/* Rises with every change: what was found before may be gone. */
uint64_t acl_version(const struct acl *a);
uint32_t acl_count(const struct acl *a);

const struct acl_user *acl_user_at(const struct acl *a, uint32_t n); /* by name */
const struct acl_user *acl_user_by_id(const struct acl *a, uint32_t id); /* NULL: gone */
const struct acl_user *acl_user_by_name(const struct acl *a, struct bytes name);

/* In apply: row and table together. put takes u: a new one gets its number. */
void acl_put(struct acl *a, struct keyspace *k, struct acl_user *u);
bool acl_delete(struct acl *a, struct keyspace *k, struct bytes name); /* false: there is none */
/* requirepass was set: the default user's one password; empty: it needs none. */
void acl_set_default_password(struct acl *a, struct keyspace *k, struct bytes password);

#endif
