/* geo.c -- places: sorted sets whose scores are numbers of places (geohash.h).
 *
 * Distances on the read path come of libm; where a row may come of them, in a log entry, of
 * functions that all nodes compute alike, which take 12 us for each place: of those that are stored
 * with their distance, or chosen by it, and of those near the border. */

#include <math.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "command/geohash.h"
#include "command/table.h"
#include "command/zset.h"

#define DISTANCE_TEXT_SIZE 32

/* --- arguments and replies -------------------------------------------------------------------- */

static const struct geo_math *math_of(const struct exec *x)
{
    return keyspace_is_read_only(x->keyspace) ? &geo_math_local : &geo_math_exact;
}

/* Longitude at n, latitude behind it. */
static bool arg_point(struct exec *x, uint32_t n, struct geo_point *p)
{
    if (!arg_double(x, n, &p->longitude) || !arg_double(x, n + 1, &p->latitude))
        return false;
    if (fabs(p->longitude) <= GEO_LONGITUDE_MAX && fabs(p->latitude) <= GEO_LATITUDE_MAX)
        return true;
    reply_errorf(x, "ERR invalid longitude,latitude pair %f,%f", p->longitude, p->latitude);
    return false;
}

static bool arg_unit(struct exec *x, uint32_t n, double *metres)
{
    static const struct {
        const char *name;
        double metres;
    } units[] = {{"m", 1}, {"km", 1000}, {"ft", 0.3048}, {"mi", 1609.34}};
    for (size_t i = 0; i < ARRAY_COUNT(units); i++)
        if (arg_is(x, n, units[i].name)) {
            *metres = units[i].metres;
            return true;
        }
    reply_error(x, "ERR unsupported unit provided. please use M, KM, FT, MI");
    return false;
}

static bool arg_length(struct exec *x, uint32_t n, const char *error, double *length)
{
    if (bytes_to_double(x->args[n], length))
        return true;
    reply_error(x, error);
    return false;
}

static bool point_of_member(struct object *zset, struct bytes member, struct geo_point *p)
{
    double score;
    if (zset->type == TYPE_NONE || !zset_score(zset, member, &score))
        return false;
    *p = geo_point_of(score);
    return true;
}

static void reply_point(struct exec *x, struct geo_point p)
{
    reply_array(x, 2);
    reply_double_plain(x, p.longitude);
    reply_double_plain(x, p.latitude);
}

/* With four digits behind the point, as a bulk in RESP3 too. distance: not negative. */
static void reply_distance(struct exec *x, double distance)
{
    char text[DISTANCE_TEXT_SIZE];
    const int64_t parts = llrint(distance * 10000);
    snprintf(text, sizeof(text), "%" PRId64 ".%04" PRId64, parts / 10000, parts % 10000);
    reply_bulk_string(x, text);
}

/* --- GEOADD and single places ----------------------------------------------------------------- */

/* GEOADD key [NX | XX] [CH] longitude latitude member ... */
static void geoadd(struct exec *x)
{
    struct zset_add z = {.step = 3};
    uint32_t n = 2;
    for (; arg_is(x, n, "nx") || arg_is(x, n, "xx") || arg_is(x, n, "ch"); n++) {
        z.nx = z.nx || arg_is(x, n, "nx");
        z.xx = z.xx || arg_is(x, n, "xx");
        z.ch = z.ch || arg_is(x, n, "ch");
    }
    const uint32_t words = x->arg_count - n;
    if (words == 0 || words % 3 != 0 || (z.nx && z.xx)) {
        reply_syntax_error(x);
        return;
    }
    z.first = n + 2;
    z.count = words / 3;
    z.scores = arena_alloc(x->arena, z.count * sizeof(*z.scores));
    for (uint32_t i = 0; i < z.count; i++) {
        struct geo_point p;
        if (!arg_point(x, n + 3 * i, &p))
            return;
        z.scores[i] = geo_score(p);
    }
    zset_add(x, &z);
}

/* GEODIST key member member [unit] */
static void geodist(struct exec *x)
{
    double unit = 1;
    struct object zset;
    struct geo_point a, b;
    if (x->arg_count > 5) {
        reply_syntax_error(x);
        return;
    }
    if ((x->arg_count == 5 && !arg_unit(x, 4, &unit)) ||
        !open_key_or_null(x, 1, TYPE_ZSET, &zset))
        return;
    if (point_of_member(&zset, x->args[2], &a) && point_of_member(&zset, x->args[3], &b))
        reply_distance(x, geo_distance(math_of(x), a, b) / unit);
    else
        reply_null(x);
    object_close(&zset);
}

/* GEOHASH key member ... */
static void geohash(struct exec *x)
{
    struct object zset;
    if (!open_key(x, 1, TYPE_ZSET, &zset))
        return;
    reply_array(x, x->arg_count - 2);
    for (uint32_t i = 2; i < x->arg_count; i++) {
        struct geo_point p;
        char text[GEO_TEXT_SIZE];
        if (point_of_member(&zset, x->args[i], &p)) {
            geo_text(p, text);
            reply_bulk(x, bytes_of(text, sizeof(text)));
        } else {
            reply_null(x);
        }
    }
    object_close(&zset);
}

/* GEOPOS key member ... */
static void geopos(struct exec *x)
{
    struct object zset;
    if (!open_key(x, 1, TYPE_ZSET, &zset))
        return;
    reply_array(x, x->arg_count - 2);
    for (uint32_t i = 2; i < x->arg_count; i++) {
        struct geo_point p;
        if (point_of_member(&zset, x->args[i], &p))
            reply_point(x, p);
        else
            reply_null_array(x);
    }
    object_close(&zset);
}

/* --- searches: arguments ---------------------------------------------------------------------- */

/* What the commands that search differ in. */
struct variant {
    uint32_t source, options; /* arguments: the key, the first option */
    bool is_search;           /* GEOSEARCH's options, not GEORADIUS's */
    bool by_member, may_store;
    const char *event;
};

struct place {
    struct bytes member; /* memory of the request */
    struct geo_point point;
    double score, distance; /* metres */
    size_t ordinal;         /* as they were found */
};

struct search {
    const struct variant *variant;
    struct object zset;
    struct geo_shape shape;
    bool from_member, from_point, has_shape;
    bool with_distance, with_hash, with_point;
    enum { AS_FOUND, NEAREST_FIRST, FARTHEST_FIRST } order;
    int64_t limit; /* COUNT; 0: none */
    bool any;
    uint32_t store; /* argument; 0: none */
    bool store_distance;
    struct place *at;
    size_t count, capacity;
};

static bool take_member(struct exec *x, uint32_t n, struct search *s)
{
    if (s->zset.type == TYPE_NONE || point_of_member(&s->zset, x->args[n], &s->shape.center))
        return true;
    reply_error(x, "ERR could not decode requested zset member");
    return false;
}

/* Radius at n, unit behind it. */
static bool take_radius(struct exec *x, uint32_t n, struct search *s)
{
    s->shape.is_box = false;
    if (!arg_length(x, n, "ERR need numeric radius", &s->shape.radius))
        return false;
    if (s->shape.radius >= 0)
        return arg_unit(x, n + 1, &s->shape.unit);
    reply_error(x, "ERR radius cannot be negative");
    return false;
}

static bool take_box(struct exec *x, uint32_t n, struct search *s)
{
    s->shape.is_box = true;
    if (!arg_length(x, n, "ERR need numeric width", &s->shape.width) ||
        !arg_length(x, n + 1, "ERR need numeric height", &s->shape.height))
        return false;
    if (s->shape.width >= 0 && s->shape.height >= 0)
        return arg_unit(x, n + 2, &s->shape.unit);
    reply_error(x, "ERR height or width cannot be negative");
    return false;
}

static bool take_limit(struct exec *x, uint32_t n, struct search *s)
{
    if (!arg_int64(x, n, &s->limit))
        return false;
    if (s->limit > 0)
        return true;
    reply_error(x, "ERR COUNT must be > 0");
    return false;
}

/* An option that is a word alone. */
static bool take_word(const struct exec *x, uint32_t n, struct search *s)
{
    const struct {
        const char *word;
        bool *flag;
    } flags[] = {{"withdist", &s->with_distance}, {"withhash", &s->with_hash},
                 {"withcoord", &s->with_point}, {"any", &s->any}};
    for (size_t i = 0; i < ARRAY_COUNT(flags); i++)
        if (arg_is(x, n, flags[i].word)) {
            *flags[i].flag = true;
            return true;
        }
    if (arg_is(x, n, "asc") || arg_is(x, n, "desc")) {
        s->order = arg_is(x, n, "asc") ? NEAREST_FIRST : FARTHEST_FIRST;
        return true;
    }
    if (s->variant->is_search && s->variant->may_store && arg_is(x, n, "storedist")) {
        s->store_distance = true;
        return true;
    }
    return false;
}

/* The words that the option at n has, 0: it has replied. */
static uint32_t parse_option(struct exec *x, uint32_t n, struct search *s)
{
    const struct variant *v = s->variant;
    const uint32_t behind = x->arg_count - n - 1;
    if (take_word(x, n, s))
        return 1;
    if (behind >= 1 && arg_is(x, n, "count"))
        return take_limit(x, n + 1, s) ? 2 : 0;
    if (behind >= 1 && !v->is_search && v->may_store &&
        (arg_is(x, n, "store") || arg_is(x, n, "storedist"))) {
        s->store = n + 1;
        s->store_distance = arg_is(x, n, "storedist");
        return 2;
    }
    if (behind >= 1 && v->is_search && !s->from_point && arg_is(x, n, "frommember")) {
        s->from_member = true;
        return take_member(x, n + 1, s) ? 2 : 0;
    }
    if (behind >= 2 && v->is_search && !s->from_member && arg_is(x, n, "fromlonlat")) {
        s->from_point = true;
        return arg_point(x, n + 1, &s->shape.center) ? 3 : 0;
    }
    const bool has_box = s->has_shape && s->shape.is_box, has_radius = s->has_shape && !has_box;
    if (behind >= 2 && v->is_search && !has_box && arg_is(x, n, "byradius")) {
        s->has_shape = true;
        return take_radius(x, n + 1, s) ? 3 : 0;
    }
    if (behind >= 3 && v->is_search && !has_radius && arg_is(x, n, "bybox")) {
        s->has_shape = true;
        return take_box(x, n + 1, s) ? 4 : 0;
    }
    reply_syntax_error(x);
    return 0;
}

/* GEORADIUS's center and radius, which have fixed places. */
static bool parse_circle(struct exec *x, struct search *s)
{
    if (s->variant->is_search)
        return true;
    if (!s->variant->by_member)
        return arg_point(x, 2, &s->shape.center) && take_radius(x, 4, s);
    if (s->zset.type == TYPE_NONE) /* as in Redis, whose radius may be anything then */
        return true;
    return take_member(x, 2, s) && take_radius(x, 3, s);
}

static bool parse_search(struct exec *x, struct search *s)
{
    const struct variant *v = s->variant;
    if (!parse_circle(x, s))
        return false;
    for (uint32_t n = v->options; n < x->arg_count;) {
        const uint32_t taken = parse_option(x, n, s);
        if (taken == 0)
            return false;
        n += taken;
    }
    const struct bytes name = x->args[0];
    if (s->store > 0 && (s->with_distance || s->with_hash || s->with_point))
        reply_errorf(x, "ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
                     v->is_search ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS");
    else if (v->is_search && !s->from_member && !s->from_point)
        reply_errorf(x, "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %.*s",
                     (int)name.size, (const char *)name.data);
    else if (v->is_search && !s->has_shape)
        reply_errorf(x, "ERR exactly one of BYRADIUS and BYBOX can be specified for %.*s",
                     (int)name.size, (const char *)name.data);
    else if (s->any && s->limit == 0)
        reply_error(x, "ERR the ANY argument requires COUNT argument");
    else
        return true;
    return false;
}

/* --- searches: places ------------------------------------------------------------------------- */

static void list_place(struct exec *x, struct search *s, const struct place *found)
{
    if (s->count == s->capacity) {
        const struct place *old = s->at;
        s->capacity = MAX(s->capacity * 2, (size_t)64);
        s->at = arena_alloc(x->arena, s->capacity * sizeof(*s->at));
        if (s->count > 0)
            memcpy(s->at, old, s->count * sizeof(*s->at));
    }
    struct place *place = &s->at[s->count];
    *place = *found;
    place->member = arena_copy(x->arena, found->member);
    place->ordinal = s->count++;
}

/* With ANY the first ones will do. */
static bool is_complete(const struct search *s)
{
    return s->any && s->count >= (uint64_t)s->limit;
}

static void find_in_range(struct exec *x, struct search *s, const struct geo_range *range)
{
    const struct geo_math *m = math_of(x);
    const bool wants_distance = s->store == 0 || s->store_distance || (s->limit > 0 && !s->any);
    const struct zset_range scores = {.by = ZSET_BY_SCORE, .low.score = range->low,
                                      .high = {.score = range->high, .open = true}};
    struct zset_walk w;
    zset_walk_begin(&w, &s->zset, &scores, FORWARD);
    while (!is_complete(s) && zset_walk_next(&w)) {
        struct place p = {.member = w.member, .point = geo_point_of(w.score), .score = w.score};
        if (geo_within(m, &s->shape, p.point, wants_distance ? &p.distance : NULL))
            list_place(x, s, &p);
    }
    zset_walk_end(&w);
}

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    if (left->distance != right->distance)
        return left->distance < right->distance ? -1 : 1;
    return left->ordinal < right->ordinal ? -1 : 1;
}

static int compare_places_backward(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    if (left->distance != right->distance)
        return left->distance > right->distance ? -1 : 1;
    return left->ordinal < right->ordinal ? -1 : 1;
}

/* Of COUNT without ANY or an order, the nearest are meant. */
static void find_places(struct exec *x, struct search *s)
{
    struct geo_range ranges[GEO_RANGES_MAX];
    const size_t count = geo_cover(math_of(x), &s->shape, ranges);
    for (size_t i = 0; i < count; i++)
        find_in_range(x, s, &ranges[i]);
    if (s->order == AS_FOUND && s->limit > 0 && !s->any)
        s->order = NEAREST_FIRST;
    if (s->order != AS_FOUND && s->count > 1)
        qsort(s->at, s->count, sizeof(*s->at),
              s->order == NEAREST_FIRST ? compare_places : compare_places_backward);
    if (s->limit > 0)
        s->count = MIN(s->count, (uint64_t)s->limit);
}

/* --- searches: results ------------------------------------------------------------------------ */

static void reply_places(struct exec *x, const struct search *s)
{
    const size_t options = (size_t)s->with_distance + s->with_hash + s->with_point;
    reply_array(x, s->count);
    for (size_t i = 0; i < s->count; i++) {
        const struct place *p = &s->at[i];
        if (options > 0)
            reply_array(x, options + 1);
        reply_bulk(x, p->member);
        if (s->with_distance)
            reply_distance(x, p->distance / s->shape.unit);
        if (s->with_hash)
            reply_int64(x, (int64_t)p->score);
        if (s->with_point)
            reply_point(x, p->point);
    }
}

/* The destination may be the source, which has been read. */
static void store_places(struct exec *x, const struct search *s)
{
    struct object to;
    if (!may_write_rows(x, s->count))
        return;
    open_key(x, s->store, TYPE_NONE, &to);
    if (s->count > 0) {
        zset_replace(x, &to);
        for (size_t i = 0; i < s->count; i++) {
            const struct place *p = &s->at[i];
            zset_put(x, &to, p->member, s->store_distance ? p->distance / s->shape.unit : p->score);
        }
        changed(x, &to, EVENT_ZSET, s->variant->event);
    } else if (to.type != TYPE_NONE) {
        delete_key(x, &to);
    }
    object_close(&to);
    reply_int64(x, (int64_t)s->count);
}

static void search(struct exec *x, const struct variant *v)
{
    struct search s = {.variant = v};
    if (!open_key(x, v->source, TYPE_ZSET, &s.zset))
        return;
    s.store = v->is_search && v->may_store ? 1 : 0;
    const bool has_sense = parse_search(x, &s);
    if (has_sense && s.zset.type != TYPE_NONE)
        find_places(x, &s);
    object_close(&s.zset);
    if (!has_sense)
        return;
    if (s.store > 0)
        store_places(x, &s);
    else
        reply_places(x, &s);
}

/* GEORADIUS key longitude latitude radius unit [WITHCOORD] [WITHDIST] [WITHHASH]
 *     [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key] */
static void georadius(struct exec *x)
{
    static const struct variant v = {.source = 1, .options = 6, .may_store = true,
                                     .event = "georadiusstore"};
    search(x, &v);
}

static void georadius_ro(struct exec *x)
{
    static const struct variant v = {.source = 1, .options = 6};
    search(x, &v);
}

/* GEORADIUSBYMEMBER key member radius unit, and the same options */
static void georadiusbymember(struct exec *x)
{
    static const struct variant v = {.source = 1, .options = 5, .by_member = true,
                                     .may_store = true, .event = "georadiusstore"};
    search(x, &v);
}

static void georadiusbymember_ro(struct exec *x)
{
    static const struct variant v = {.source = 1, .options = 5, .by_member = true};
    search(x, &v);
}

/* GEOSEARCH key FROMMEMBER member | FROMLONLAT longitude latitude
 *     BYRADIUS radius unit | BYBOX width height unit [WITHCOORD] [WITHDIST] [WITHHASH]
 *     [COUNT count [ANY]] [ASC | DESC] */
static void geosearch(struct exec *x)
{
    static const struct variant v = {.source = 1, .options = 2, .is_search = true};
    search(x, &v);
}

/* GEOSEARCHSTORE destination source, the same without WITH..., and [STOREDIST] */
static void geosearchstore(struct exec *x)
{
    static const struct variant v = {.source = 2, .options = 3, .is_search = true,
                                     .may_store = true, .event = "geosearchstore"};
    search(x, &v);
}

const struct command geo_commands[] = {
    {.name = "geoadd", .run = geoadd, .arity = -5, .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_RW | KEY_UPDATE)},
     .acl = ACL_GEO, .group = "geo", .since = "3.2.0", .complexity = "O(log(N))",
     .summary = "Adds places to a geo index."},
    {.name = "geodist", .run = geodist, .arity = -4, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_GEO, .group = "geo", .since = "3.2.0", .complexity = "O(log(N))",
     .summary = "The distance of two places."},
    {.name = "geohash", .run = geohash, .arity = -2, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_GEO, .group = "geo", .since = "3.2.0", .complexity = "O(log(N))",
     .summary = "Places as geohash strings."},
    {.name = "geopos", .run = geopos, .arity = -2, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_GEO, .group = "geo", .since = "3.2.0", .complexity = "O(N)",
     .summary = "The positions of places."},
    {.name = "georadius", .run = georadius, .arity = -6, .flags = CMD_WRITE |
         CMD_STORE_OPTION | CMD_DENY_OOM | CMD_MOVABLE_KEYS,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS), KEY_WORD("STORE", 6, 0, 0, KEY_OW | KEY_UPDATE),
         KEY_WORD("STOREDIST", 6, 0, 0, KEY_OW | KEY_UPDATE)},
     .acl = ACL_GEO, .group = "geo", .since = "3.2.0", .complexity = "O(N+log(M))",
     .summary = "Places within a radius around a point; may store them.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"},
    {.name = "georadius_ro", .run = georadius_ro, .arity = -6, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_GEO, .group = "geo", .since = "3.2.10", .complexity = "O(N+log(M))",
     .summary = "Places within a radius around a point.",
     .deprecated_since = "6.2.0", .replaced_by = "`GEOSEARCH` with the `BYRADIUS` argument"},
    {.name = "georadiusbymember", .run = georadiusbymember, .arity = -5, .flags = CMD_WRITE |
         CMD_STORE_OPTION | CMD_DENY_OOM | CMD_MOVABLE_KEYS,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS), KEY_WORD("STORE", 5, 0, 0, KEY_OW | KEY_UPDATE),
         KEY_WORD("STOREDIST", 5, 0, 0, KEY_OW | KEY_UPDATE)},
     .acl = ACL_GEO, .group = "geo", .since = "3.2.0", .complexity = "O(N+log(M))",
     .summary = "Places within a radius around a place; may store them.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` "
         "arguments"},
    {.name = "georadiusbymember_ro", .run = georadiusbymember_ro, .arity = -5, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_GEO, .group = "geo", .since = "3.2.10", .complexity = "O(N+log(M))",
     .summary = "Places within a radius around a place.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"},
    {.name = "geosearch", .run = geosearch, .arity = -7, .flags = CMD_READ,
     .keys = {KEY(1, KEY_RO | KEY_ACCESS)},
     .acl = ACL_GEO, .group = "geo", .since = "6.2.0", .complexity = "O(N+log(M))",
     .summary = "Places within a circle or box."},
    {.name = "geosearchstore", .run = geosearchstore, .arity = -8,
     .flags = CMD_WRITE | CMD_DENY_OOM,
     .keys = {KEY(1, KEY_OW | KEY_UPDATE), KEY(2, KEY_RO | KEY_ACCESS)},
     .acl = ACL_GEO, .group = "geo", .since = "6.2.0", .complexity = "O(N+log(M))",
     .summary = "Stores the places within a circle or box."},
    {.name = NULL},
};
