/* pubsub.c -- rows of publish and subscribe: the host answers them. PUBLISH inside EXEC and scripts
 * is an effect of apply, on all nodes. */

#include "command/table.h"

static void publish_effect(struct exec *x, bool is_shard)
{
    uint64_t count = 0;
    if (x->host->publish != NULL)
        count = x->host->publish(x->host_context, x, is_shard);
    /* A script's course may not depend on who subscribes at which node (ARCHITECTURE §5 rule 9). */
    reply_int64(x, x->in_script ? 0 : (int64_t)count);
}

static void publish(struct exec *x)
{
    publish_effect(x, false);
}

static void spublish(struct exec *x)
{
    publish_effect(x, true);
}

static const struct command pubsub_subcommands[] = {
    {.name = "channels", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_PUBSUB |
         CMD_LOADING | CMD_STALE,
     .group = "pubsub", .since = "2.8.0", .complexity = "O(N)",
     .summary = "The channels that have subscribers."},
    {.name = "help", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_LOADING | CMD_STALE,
     .group = "pubsub", .since = "6.2.0", .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "numpat", .arity = 2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_PUBSUB | CMD_LOADING |
         CMD_STALE,
     .group = "pubsub", .since = "2.8.0", .complexity = "O(1)",
     .summary = "How many patterns are subscribed to."},
    {.name = "numsub", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_PUBSUB |
         CMD_LOADING | CMD_STALE,
     .group = "pubsub", .since = "2.8.0", .complexity = "O(N)",
     .summary = "How many subscribers channels have."},
    {.name = "shardchannels", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_PUBSUB |
         CMD_LOADING | CMD_STALE,
     .group = "pubsub", .since = "7.0.0", .complexity = "O(N)",
     .summary = "The shard channels that have subscribers."},
    {.name = "shardnumsub", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_PUBSUB |
         CMD_LOADING | CMD_STALE,
     .group = "pubsub", .since = "7.0.0", .complexity = "O(N)",
     .summary = "How many subscribers shard channels have."},
    {.name = NULL},
};

const struct command pubsub_commands[] = {
    {.name = "psubscribe", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_PUBSUB |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "pubsub", .since = "2.0.0", .complexity = "O(N)",
     .summary = "Subscribes to channels by pattern."},
    {.name = "publish", .run = publish, .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER | CMD_PUBSUB |
         CMD_MAY_REPLICATE | CMD_LOADING | CMD_STALE | CMD_FAST,
     .group = "pubsub", .since = "2.0.0", .complexity = "O(N+M)",
     .summary = "Sends a message to a channel."},
    {.name = "pubsub", .arity = -2, .flags = 0,
     .group = "pubsub", .since = "2.8.0", .complexity = "Depends on subcommand.",
     .summary = "Facts about channels and subscribers.",
     .subcommands = pubsub_subcommands},
    {.name = "punsubscribe", .arity = -1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_PUBSUB |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "pubsub", .since = "2.0.0", .complexity = "O(N+M)",
     .summary = "Ends subscriptions by pattern."},
    {.name = "spublish", .run = spublish, .arity = 3, .flags = CMD_LOCAL | CMD_BARRIER |
         CMD_PUBSUB | CMD_MAY_REPLICATE | CMD_LOADING | CMD_STALE | CMD_FAST,
     .keys = {KEY(1, KEY_NOT_KEY)},
     .group = "pubsub", .since = "7.0.0", .complexity = "O(N)",
     .summary = "Sends a message to a shard channel."},
    {.name = "ssubscribe", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_PUBSUB |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .keys = {KEY_RANGE(1, -1, 1, KEY_NOT_KEY)},
     .group = "pubsub", .since = "7.0.0", .complexity = "O(N)",
     .summary = "Subscribes to shard channels."},
    {.name = "subscribe", .arity = -2, .flags = CMD_LOCAL | CMD_BARRIER | CMD_PUBSUB |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "pubsub", .since = "2.0.0", .complexity = "O(N)",
     .summary = "Subscribes to channels."},
    {.name = "sunsubscribe", .arity = -1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_PUBSUB |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .keys = {KEY_RANGE(1, -1, 1, KEY_NOT_KEY)},
     .group = "pubsub", .since = "7.0.0", .complexity = "O(N)",
     .summary = "Ends subscriptions to shard channels."},
    {.name = "unsubscribe", .arity = -1, .flags = CMD_LOCAL | CMD_BARRIER | CMD_PUBSUB |
         CMD_NO_SCRIPT | CMD_LOADING | CMD_STALE,
     .group = "pubsub", .since = "2.0.0", .complexity = "O(N)",
     .summary = "Ends subscriptions to channels."},
    {.name = NULL},
};
