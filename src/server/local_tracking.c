/* local_tracking.c -- CLIENT TRACKING, CACHING, TRACKINGINFO, GETREDIR. */

#include "server/local.h"

/* --- TRACKING --------------------------------------------------------------------------------- */

static bool parse_redirect(struct server *s, struct exec *x, uint32_t i,
                           struct tracking_options *options)
{
    int64_t id;
    if (options->redirect != 0) {
        reply_error(x, "ERR A client can only redirect to a single other client");
        return false;
    }
    if (!arg_int64(x, i, &id))
        return false;
    if (conn_by_id(s, (uint64_t)id) == NULL) {
        reply_error(x, "ERR The client ID you want redirect to does not exist");
        return false;
    }
    options->redirect = (uint64_t)id;
    return true;
}

static bool parse_options(struct server *s, struct exec *x, struct tracking_options *options)
{
    struct bytes *prefixes = arena_alloc(x->arena, x->arg_count * sizeof(*prefixes));
    options->prefixes = prefixes;
    for (uint32_t i = 3; i < x->arg_count; i++) {
        const bool has_value = i + 1 < x->arg_count;
        if (arg_is(x, i, "redirect") && has_value) {
            if (!parse_redirect(s, x, ++i, options))
                return false;
        } else if (arg_is(x, i, "bcast")) {
            options->is_bcast = true;
        } else if (arg_is(x, i, "optin")) {
            options->is_optin = true;
        } else if (arg_is(x, i, "optout")) {
            options->is_optout = true;
        } else if (arg_is(x, i, "noloop")) {
            options->is_noloop = true;
        } else if (arg_is(x, i, "prefix") && has_value) {
            prefixes[options->prefix_count++] = x->args[++i];
        } else {
            reply_syntax_error(x);
            return false;
        }
    }
    return true;
}

/* What does not go together, among the options or with what is on already; NULL: all does. */
static const char *contradiction(const struct tracker *t, const struct tracking_options *o)
{
    if (!o->is_bcast && o->prefix_count > 0)
        return "ERR PREFIX option requires BCAST mode to be enabled";
    if (t->is_on && t->is_bcast != o->is_bcast)
        return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, "
               "and then re-enabling it with a different mode.";
    if (o->is_bcast && (o->is_optin || o->is_optout))
        return "ERR OPTIN and OPTOUT are not compatible with BCAST";
    if (o->is_optin && o->is_optout)
        return "ERR You can't specify both OPTIN mode and OPTOUT mode";
    if ((o->is_optin && t->is_optout) || (o->is_optout && t->is_optin))
        return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, "
               "and then re-enabling it with a different mode.";
    return NULL;
}

static void refuse_prefix(struct exec *x, struct bytes prefix, const char *with, struct bytes other)
{
    reply_errorf(x, "ERR Prefix '%.*s' overlaps with %s prefix '%.*s'. Prefixes for a single "
                    "client must not overlap.", (int)MIN(prefix.size, 128),
                 (const char *)prefix.data, with, (int)MIN(other.size, 128),
                 other.size == 0 ? "" : (const char *)other.data);
}

static bool prefixes_are_apart(const struct conn *c, struct exec *x,
                               const struct tracking_options *o)
{
    for (size_t i = 0; i < o->prefix_count; i++) {
        const struct bytes prefix = o->prefixes[i];
        bool found;
        const struct bytes own = tracking_overlap(c, prefix, &found);
        if (found) {
            refuse_prefix(x, prefix, "an existing", own);
            return false;
        }
        for (size_t j = i + 1; j < o->prefix_count; j++) {
            const struct bytes other = o->prefixes[j];
            if (!bytes_has_prefix(prefix, other) && !bytes_has_prefix(other, prefix))
                continue;
            refuse_prefix(x, prefix, "another provided", other);
            return false;
        }
    }
    return true;
}

void client_tracking(struct server *s, struct conn *c, struct exec *x)
{
    struct tracking_options options = {0};
    if (!parse_options(s, x, &options))
        return;
    if (arg_is(x, 2, "off")) {
        tracking_off(c);
        reply_ok(x);
        return;
    }
    if (!arg_is(x, 2, "on")) {
        reply_syntax_error(x);
        return;
    }
    const char *error = contradiction(&c->tracker, &options);
    if (error != NULL) {
        reply_error(x, error);
        return;
    }
    if (options.is_bcast && !prefixes_are_apart(c, x, &options))
        return;
    if (tracking_on(c, &options))
        reply_ok(x);
    else
        reply_errorf(x, "ERR too many prefixes: at most %d of all clients of a node",
                     TRACKING_PREFIXES_MAX);
}

void client_caching(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    struct tracker *t = &c->tracker;
    if (!t->is_on) {
        reply_error(x, "ERR CLIENT CACHING can be called only when the client is in tracking mode "
                       "with OPTIN or OPTOUT mode enabled");
    } else if (arg_is(x, 2, "yes") && !t->is_optin) {
        reply_error(x, "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN "
                       "mode.");
    } else if (arg_is(x, 2, "no") && !t->is_optout) {
        reply_error(x, "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT "
                       "mode.");
    } else if (!arg_is(x, 2, "yes") && !arg_is(x, 2, "no")) {
        reply_syntax_error(x);
    } else {
        t->caching = true;
        reply_ok(x);
    }
}

/* --- what is on ------------------------------------------------------------------------------- */

static int64_t redirection(const struct conn *c)
{
    return c->tracker.is_on ? (int64_t)c->tracker.redirect : -1;
}

void client_getredir(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    reply_int64(x, redirection(c));
}

void client_trackinginfo(struct server *s, struct conn *c, struct exec *x)
{
    (void)s;
    const struct tracker *t = &c->tracker;
    const struct {
        bool is_set;
        const char *name;
    } flags[] = {
        {t->is_on, "on"}, {!t->is_on, "off"}, {t->is_bcast, "bcast"}, {t->is_optin, "optin"},
        {t->is_optin && t->caching, "caching-yes"}, {t->is_optout, "optout"},
        {t->is_optout && t->caching, "caching-no"}, {t->is_noloop, "noloop"},
        {t->is_broken, "broken_redirect"},
    };
    size_t count = 0;
    reply_map(x, 3);
    reply_bulk_string(x, "flags");
    size_t begun = reply_array_begin(x);
    for (size_t i = 0; i < ARRAY_COUNT(flags); i++) {
        if (!flags[i].is_set)
            continue;
        reply_bulk_string(x, flags[i].name);
        count++;
    }
    reply_set_end(x, begun, count);
    reply_bulk_string(x, "redirect");
    reply_int64(x, redirection(c));
    reply_bulk_string(x, "prefixes");
    struct bytes prefix;
    begun = reply_array_begin(x);
    for (count = 0; tracking_prefix(c, count, &prefix); count++)
        reply_bulk(x, prefix);
    reply_array_end(x, begun, count);
}
