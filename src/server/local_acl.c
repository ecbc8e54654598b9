/* local_acl.c -- what of ACL, AUTH and HELLO is this node's: who its clients are, what was refused
 * to them.
 *
 * A login is decided by rows as a read is: the node first makes sure that it has what was
 * acknowledged anywhere, so that a user made on one node can log in on any, and a password taken
 * back opens nothing any more. Where that cannot be had (no majority) the node goes by what it
 * knows: somebody has to be able to look at it then, and data is not served anyway. */

#include "server/local.h"

#include "base/panic.h"
#include "base/prng.h"
#include "server/acl.h"
#include "server/route.h"

/* --- AUTH ------------------------------------------------------------------------------------- */

static bool login(struct conn *c, struct exec *x, struct bytes user, struct bytes password)
{
    if (conn_login(c, user, password))
        return true;
    acl_log_login(c, x, user);
    reply_error(x, "WRONGPASS invalid username-password pair or user is disabled.");
    return false;
}

static void auth(struct server *s, struct conn *c, struct exec *x)
{
    const struct acl_user *first = acl_user_by_id(s->acl, ACL_DEFAULT_USER);
    if (x->arg_count == 2 && first->has_no_password) {
        reply_error(x, "ERR AUTH <password> called without any password configured for the "
                       "default user. Are you sure your configuration is correct?");
        return;
    }
    const struct bytes user = x->arg_count == 3 ? x->args[1] : BYTES("default");
    if (login(c, x, user, x->args[x->arg_count - 1]))
        reply_ok(x);
}

/* --- HELLO ------------------------------------------------------------------------------------ */

static void reply_hello(struct conn *c, struct exec *x)
{
    reply_map(x, 7);
    reply_bulk_string(x, "server");
    reply_bulk_string(x, "redis");
    reply_bulk_string(x, "version");
    reply_bulk_string(x, AVOW_COMPATIBLE_VERSION);
    reply_bulk_string(x, "proto");
    reply_int64(x, c->session.protocol);
    reply_bulk_string(x, "id");
    reply_int64(x, (int64_t)c->id);
    reply_bulk_string(x, "mode");
    reply_bulk_string(x, "standalone");
    reply_bulk_string(x, "role");
    reply_bulk_string(x, "master");
    reply_bulk_string(x, "modules");
    reply_array(x, 0);
}

struct hello {
    int64_t protocol;
    struct bytes user, password, name;
    bool has_auth, has_name;
};

static bool parse_hello(struct exec *x, struct hello *hello)
{
    if (x->arg_count > 1) {
        if (!bytes_to_int64(x->args[1], &hello->protocol)) {
            reply_error(x, "ERR Protocol version is not an integer or out of range");
            return false;
        }
        if (hello->protocol != 2 && hello->protocol != 3) {
            reply_error(x, "NOPROTO unsupported protocol version");
            return false;
        }
    }
    for (uint32_t i = 2; i < x->arg_count; i++) {
        const uint32_t left = x->arg_count - 1 - i;
        if (arg_is(x, i, "auth") && left >= 2) {
            hello->has_auth = true;
            hello->user = x->args[i + 1];
            hello->password = x->args[i + 2];
            i += 2;
        } else if (arg_is(x, i, "setname") && left >= 1) {
            hello->has_name = true;
            hello->name = x->args[++i];
        } else {
            reply_errorf(x, "ERR Syntax error in HELLO option '%.*s'",
                         (int)MIN(x->args[i].size, 128), (const char *)x->args[i].data);
            return false;
        }
    }
    return true;
}

#define BAD_NAME "ERR Client names cannot contain spaces, newlines or special characters."

static void hello(struct conn *c, struct exec *x, struct slot *slot)
{
    struct hello hello = {.protocol = c->session.protocol};
    if (!parse_hello(x, &hello))
        return;
    char *name = NULL;
    if (hello.has_name && !session_set_name(&name, hello.name)) {
        reply_error(x, BAD_NAME);
        return;
    }
    session_set_name(&name, BYTES_NONE);
    if (hello.has_auth && !login(c, x, hello.user, hello.password))
        return;
    if (!c->session.is_authenticated && !acl_is_open(c->server)) {
        reply_error(x, "NOAUTH HELLO must be called with the client already authenticated, "
                       "otherwise the HELLO AUTH <user> <pass> option can be used to authenticate "
                       "the client and select the RESP protocol version at the same time");
        return;
    }
    if (hello.has_name)
        session_set_name(&c->session.name, hello.name);
    c->session.protocol = (uint8_t)hello.protocol;
    x->reply.protocol = (int)hello.protocol;
    if (slot != NULL)
        slot->protocol = c->session.protocol;
    reply_hello(c, x);
}

/* --- both, when the node has what was acknowledged -------------------------------------------- */

/* true: it is answered when that is so. */
static bool confirm_first(struct server *s, struct conn *c, struct exec *x)
{
    if (x->in_exec || s->shard == NULL || !s->is_ready)
        return false;
    CHECK(s->running != NULL);
    buf_reset(&c->settings);
    for (uint32_t i = 0; i < x->arg_count; i++) {
        buf_append_le32(&c->settings, (uint32_t)x->args[i].size);
        buf_append_bytes(&c->settings, x->args[i]);
    }
    s->running->kind = SLOT_LOGIN;
    if (route_confirm(s->running))
        return true;
    s->running->kind = SLOT_COMMAND;
    return false;
}

struct reply login_finish(struct slot *slot)
{
    struct conn *c = slot->conn;
    struct server *s = c->server;
    struct reader words;
    reader_init(&words, buf_bytes(&c->settings));
    struct bytes *args = arena_alloc(&s->arena, c->settings.size / 4 * sizeof(*args));
    uint32_t count = 0;
    while (reader_left(&words) > 0) {
        const uint32_t size = reader_le32(&words);
        args[count++] = reader_bytes(&words, size);
        CHECK(!words.failed);
    }
    struct exec x = {.settings = s->settings, .command = slot->info->command, .args = args,
                     .arg_count = count, .arena = &s->arena,
                     .reply = {.out = slot->is_silent ? &s->discard : &c->out,
                               .protocol = slot->protocol}};
    if (strcmp(slot->info->name, "auth") == 0)
        auth(s, c, &x);
    else
        hello(c, &x, slot);
    memset(buf_data(&c->settings), 0, c->settings.size); /* it had a password */
    return x.reply;
}

void local_auth(struct server *s, struct conn *c, struct exec *x)
{
    if (x->arg_count > 3)
        reply_syntax_error(x);
    else if (!confirm_first(s, c, x))
        auth(s, c, x);
}

void local_hello(struct server *s, struct conn *c, struct exec *x)
{
    if (x->arg_count <= 3 || !confirm_first(s, c, x)) /* AUTH takes more */
        hello(c, x, s->running);
}

/* --- ACL -------------------------------------------------------------------------------------- */

void acl_whoami(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    const struct acl_user *u = conn_user(c);
    if (u == NULL)
        reply_null(x);
    else
        reply_bulk(x, u->name);
}

#define GENPASS_BITS_MAX 4096

void acl_genpass(struct server *s, struct conn *c, struct exec *x)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t secret[GENPASS_BITS_MAX / 8];
    char hex[GENPASS_BITS_MAX / 4];
    int64_t bits = 256;
    (void)s;
    (void)c;
    if (x->arg_count > 3) {
        reply_subcommand_error(x);
        return;
    }
    if (x->arg_count == 3 && !arg_int64(x, 2, &bits))
        return;
    if (bits <= 0 || bits > GENPASS_BITS_MAX) {
        reply_errorf(x, "ERR ACL GENPASS argument must be the number of bits for the output "
                        "password, a positive number up to %d", GENPASS_BITS_MAX);
        return;
    }
    const size_t count = (size_t)(bits + 3) / 4;
    prng_secret(secret, sizeof(secret));
    for (size_t i = 0; i < count; i++)
        hex[i] = digits[secret[i / 2] >> (i % 2 * 4) & 15];
    reply_bulk(x, bytes_of(hex, count));
}

static void reply_entry(const struct server *s, struct exec *x, const struct acl_log_entry *entry)
{
    static const char *const reasons[] = {[ACL_ALLOWED] = "unknown", [ACL_NO_COMMAND] = "command",
                                          [ACL_NO_KEY] = "key", [ACL_NO_LOGIN] = "auth",
                                          [ACL_NO_CHANNEL] = "channel"};
    reply_map(x, 7);
    reply_bulk_string(x, "count");
    reply_int64(x, (int64_t)entry->count);
    reply_bulk_string(x, "reason");
    reply_bulk_string(x, reasons[entry->reason]);
    reply_bulk_string(x, "context");
    reply_bulk_string(x, entry->context);
    reply_bulk_string(x, "object");
    reply_bulk(x, buf_bytes(&entry->object));
    reply_bulk_string(x, "username");
    reply_bulk(x, buf_bytes(&entry->user));
    reply_bulk_string(x, "age-seconds");
    reply_double(x, (double)(s->now_ms - MIN(s->now_ms, entry->changed_ms)) / 1000);
    reply_bulk_string(x, "client-info");
    reply_bulk(x, buf_bytes(&entry->client));
}

void acl_log(struct server *s, struct conn *c, struct exec *x)
{
    struct acl_log *l = &s->acl_log;
    int64_t wanted = 10;
    (void)c;
    if (x->arg_count > 3) {
        reply_subcommand_error(x);
        return;
    }
    if (x->arg_count == 3 && arg_is(x, 2, "reset")) {
        acl_log_clear(l);
        reply_ok(x);
        return;
    }
    if (x->arg_count == 3 && !arg_int64(x, 2, &wanted))
        return;
    uint64_t left = MIN((uint64_t)MAX(wanted, 0), l->count);
    reply_array(x, left);
    struct queue_node *node = queue_first(&l->entries);
    for (; left > 0; left--, node = queue_next(&l->entries, node))
        reply_entry(s, x, container_of(node, struct acl_log_entry, node));
}

/* Users are in the state, durable on a majority: there is no file of theirs to read or write. */
void acl_no_file(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    (void)c;
    reply_error(x, "ERR This Redis instance is not configured to use an ACL file. AvowDB keeps "
                   "users in the replicated state, durable with the OK of ACL SETUSER: there is "
                   "nothing to save or to load.");
}
