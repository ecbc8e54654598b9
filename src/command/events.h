/* events.h -- classes of keyspace events. */

#ifndef COMMAND_EVENTS_H
#define COMMAND_EVENTS_H

/* As notify-keyspace-events names them. */
enum event_class {
    EVENT_KEYSPACE = 1 << 0, EVENT_KEYEVENT = 1 << 1, EVENT_GENERIC = 1 << 2, EVENT_STRING = 1 << 3,
    EVENT_LIST = 1 << 4, EVENT_SET = 1 << 5, EVENT_HASH = 1 << 6, EVENT_ZSET = 1 << 7,
    EVENT_EXPIRED = 1 << 8, EVENT_EVICTED = 1 << 9, EVENT_STREAM = 1 << 10,
    EVENT_KEY_MISS = 1 << 11, EVENT_MODULE = 1 << 13, EVENT_NEW = 1 << 14,
};

#endif
