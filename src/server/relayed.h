/* relayed.h -- what nodes say to each other as bytes of shard_relay(): the first byte of each
 * (docs/PEER-CHANNEL.md has the rest). */

#ifndef SERVER_RELAYED_H
#define SERVER_RELAYED_H

enum relayed_type {
    RELAYED_MESSAGE = 1,
    RELAYED_COUNT,
    RELAYED_ASK,
    RELAYED_ASK_CLIENT,
    RELAYED_CLIENT_ANSWER,
    RELAYED_HTTP,
};

#endif
