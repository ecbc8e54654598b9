/* geohash.c -- places as numbers of 52 bits, areas of the map, distances on the earth. */

#include "command/geohash.h"

#include <math.h>

#include "base/panic.h"
#include "base/real.h"

#define DEGREE (M_PI / 180.0)
#define EARTH_RADIUS 6372797.560856 /* mean, WGS 84 */
#define MERCATOR_MAX 20037726.37    /* half of the map's width in metres */

/* Metres that a distance by libm may be off, and more: a few units in the last place are
 * nanometres, but on the other side of the earth, where the arcsine is steep, a decimetre. Who is
 * farther from the border is on the same side of it by any libm. */
#define LIBM_OFF 10.0

#define LONGITUDES UINT64_C(0xaaaaaaaaaaaaaaaa)
#define LATITUDES UINT64_C(0x5555555555555555)

const struct geo_math geo_math_local = {sin, cos, asin};
const struct geo_math geo_math_exact = {real_sin, real_cos, real_asin};

struct cell {
    uint64_t bits;
    uint8_t steps; /* 0: no cell */
};

/* What a map or a cell of it spans. */
struct area {
    struct geo_point low, high;
};

static const struct area map = {{-GEO_LONGITUDE_MAX, -GEO_LATITUDE_MAX},
                                {GEO_LONGITUDE_MAX, GEO_LATITUDE_MAX}};
static const struct area whole_earth = {{-180, -90}, {180, 90}};

/* --- numbers ---------------------------------------------------------------------------------- */

/* The bits of value at the even places of the result. */
static uint64_t spread(uint32_t value)
{
    uint64_t bits = value;
    bits = (bits | bits << 16) & UINT64_C(0x0000ffff0000ffff);
    bits = (bits | bits << 8) & UINT64_C(0x00ff00ff00ff00ff);
    bits = (bits | bits << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    bits = (bits | bits << 2) & UINT64_C(0x3333333333333333);
    return (bits | bits << 1) & LATITUDES;
}

/* What spread() was given. */
static uint32_t gather(uint64_t bits)
{
    bits &= LATITUDES;
    bits = (bits | bits >> 1) & UINT64_C(0x3333333333333333);
    bits = (bits | bits >> 2) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    bits = (bits | bits >> 4) & UINT64_C(0x00ff00ff00ff00ff);
    bits = (bits | bits >> 8) & UINT64_C(0x0000ffff0000ffff);
    return (uint32_t)(bits | bits >> 16);
}

/* In which of 2^steps equal parts of low .. high the value is. The upper end is a part of its own,
 * as in Redis: its number has a bit more. */
static uint32_t part_of(double value, double low, double high, uint8_t steps)
{
    CHECK(value >= low);
    CHECK(value <= high);
    return (uint32_t)((value - low) / (high - low) * (double)(UINT64_C(1) << steps));
}

static struct cell cell_of(const struct area *a, struct geo_point p, uint8_t steps)
{
    const uint32_t east = part_of(p.longitude, a->low.longitude, a->high.longitude, steps);
    const uint32_t north = part_of(p.latitude, a->low.latitude, a->high.latitude, steps);
    return (struct cell){spread(east) << 1 | spread(north), steps};
}

/* Where part number of 2^steps begins. */
static double part_begin(uint32_t number, double low, double high, uint8_t steps)
{
    return low + (number / (double)(UINT64_C(1) << steps)) * (high - low);
}

static struct area area_of(struct cell c)
{
    const uint32_t east = gather(c.bits >> 1), north = gather(c.bits);
    const double west_end = map.low.longitude, east_end = map.high.longitude;
    const double south_end = map.low.latitude, north_end = map.high.latitude;
    return (struct area){
        {part_begin(east, west_end, east_end, c.steps),
         part_begin(north, south_end, north_end, c.steps)},
        {part_begin(east + 1, west_end, east_end, c.steps),
         part_begin(north + 1, south_end, north_end, c.steps)},
    };
}

double geo_score(struct geo_point p)
{
    return (double)cell_of(&map, p, GEO_STEPS_MAX).bits;
}

/* A sorted set may have scores that no place has: any number of bits will do, if all nodes take the
 * same. */
static uint64_t score_bits(double score)
{
    if (score >= 0 && score < 0x1p64)
        return (uint64_t)score;
    if (score < 0 && score >= -0x1p63)
        return (uint64_t)(int64_t)score;
    return UINT64_C(1) << 63;
}

struct geo_point geo_point_of(double score)
{
    const struct area a = area_of((struct cell){score_bits(score), GEO_STEPS_MAX});
    const double longitude = (a.low.longitude + a.high.longitude) / 2;
    const double latitude = (a.low.latitude + a.high.latitude) / 2;
    return (struct geo_point){
        fmax(fmin(longitude, GEO_LONGITUDE_MAX), -GEO_LONGITUDE_MAX),
        fmax(fmin(latitude, GEO_LATITUDE_MAX), -GEO_LATITUDE_MAX),
    };
}

/* The 52 bits make ten digits; the eleventh, of bits that there are not, is 0. */
void geo_text(struct geo_point p, char text[static GEO_TEXT_SIZE])
{
    static const char digits[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    const uint64_t bits = cell_of(&whole_earth, p, GEO_STEPS_MAX).bits;
    for (int i = 0; i < GEO_TEXT_SIZE - 1; i++)
        text[i] = digits[bits >> (2 * GEO_STEPS_MAX - 5 * (i + 1)) & 0x1f];
    text[GEO_TEXT_SIZE - 1] = '0';
}

/* --- distances -------------------------------------------------------------------------------- */

static double radians(double degrees)
{
    return degrees * DEGREE;
}

static double degrees(double radians)
{
    return radians / DEGREE;
}

static double north_distance(double latitude, double other)
{
    return EARTH_RADIUS * fabs(radians(latitude) - radians(other));
}

/* By haversines, on a sphere. */
double geo_distance(const struct geo_math *m, struct geo_point a, struct geo_point b)
{
    const double v = m->sin((radians(b.longitude) - radians(a.longitude)) / 2);
    if (v == 0)
        return north_distance(b.latitude, a.latitude);
    const double from = radians(a.latitude), to = radians(b.latitude);
    const double u = m->sin((to - from) / 2);
    const double h = u * u + m->cos(from) * m->cos(to) * v * v;
    return 2.0 * EARTH_RADIUS * m->asin(fmin(sqrt(h), 1)); /* rounded above 1 there is no arcsine */
}

/* What is compared with the shape's half, and that: of a circle all of the distance. */
static double across(const struct geo_math *m, const struct geo_shape *s, struct geo_point p,
                     double *most)
{
    *most = s->is_box ? s->width * s->unit / 2 : s->radius * s->unit;
    const struct geo_point beside = {s->center.longitude, p.latitude};
    return s->is_box ? geo_distance(m, p, beside) : geo_distance(m, s->center, p);
}

bool geo_within(const struct geo_math *m, const struct geo_shape *s, struct geo_point p,
                double *distance)
{
    double most;
    if (s->is_box && north_distance(p.latitude, s->center.latitude) > s->height * s->unit / 2)
        return false;
    if (m == &geo_math_exact) {
        const double near = across(&geo_math_local, s, p, &most);
        if (near > most + LIBM_OFF)
            return false;
        if (near < most - LIBM_OFF && distance == NULL)
            return true;
    }
    const double exact = across(m, s, p, &most);
    if (exact > most)
        return false;
    if (distance != NULL)
        *distance = s->is_box ? geo_distance(m, s->center, p) : exact;
    return true;
}

/* --- cells around a shape --------------------------------------------------------------------- */

/* What the shape spans at most; nearer to a pole, degrees of longitude are shorter. */
static struct area bounds_of(const struct geo_math *m, const struct geo_shape *s)
{
    const struct geo_point c = s->center;
    const double height = s->unit * (s->is_box ? s->height / 2 : s->radius);
    const double width = s->unit * (s->is_box ? s->width / 2 : s->radius);
    const double north = degrees(height / EARTH_RADIUS);
    const double nearer = c.latitude < 0 ? c.latitude - north : c.latitude + north;
    const double east = degrees(width / EARTH_RADIUS / m->cos(radians(nearer)));
    return (struct area){{c.longitude - east, c.latitude - north},
                         {c.longitude + east, c.latitude + north}};
}

/* How many steps make cells of which nine, around the center, hold the radius in most cases. */
static uint8_t steps_for(double radius_m, double latitude)
{
    if (radius_m == 0)
        return GEO_STEPS_MAX;
    int steps = 1;
    for (; radius_m < MERCATOR_MAX; radius_m *= 2)
        steps++;
    steps -= 2;
    if (fabs(latitude) > 66)
        steps--;
    if (fabs(latitude) > 80)
        steps--;
    return (uint8_t)(steps < 1 ? 1 : steps > GEO_STEPS_MAX ? GEO_STEPS_MAX : steps);
}

/* Adds by (-1, 0, 1) to the number whose bits are those of mask; the map's ends meet. */
static uint64_t move(uint64_t bits, uint64_t mask, int by, uint8_t steps)
{
    const uint64_t used = UINT64_MAX >> (64 - 2 * steps), others = ~mask & used;
    const uint64_t one = others + 1; /* carries run through the other number's bits, all set */
    if (by == 0)
        return bits;
    const uint64_t moved = by > 0 ? (bits & mask) + one : ((bits & mask) | others) - one;
    return (moved & mask & used) | (bits & ~mask);
}

static struct cell neighbor(struct cell c, int east, int north)
{
    c.bits = move(c.bits, LONGITUDES, east, c.steps);
    c.bits = move(c.bits, LATITUDES, north, c.steps);
    return c;
}

/* Whether the center's cell and those beside it hold the bounds. */
static bool holds(struct cell c, const struct area *bounds)
{
    return !(area_of(neighbor(c, 0, 1)).high.latitude < bounds->high.latitude) &&
           !(area_of(neighbor(c, 0, -1)).low.latitude > bounds->low.latitude) &&
           !(area_of(neighbor(c, 1, 0)).high.longitude < bounds->high.longitude) &&
           !(area_of(neighbor(c, -1, 0)).low.longitude > bounds->low.longitude);
}

/* Whether the shape reaches out of the center's cell in this direction. */
static bool reaches(const struct area *center, const struct area *bounds, int east, int north)
{
    return !(north < 0 && center->low.latitude < bounds->low.latitude) &&
           !(north > 0 && center->high.latitude > bounds->high.latitude) &&
           !(east < 0 && center->low.longitude < bounds->low.longitude) &&
           !(east > 0 && center->high.longitude > bounds->high.longitude);
}

static struct geo_range range_of(struct cell c)
{
    const int shift = 2 * (GEO_STEPS_MAX - c.steps);
    return (struct geo_range){(double)(c.bits << shift), (double)((c.bits + 1) << shift)};
}

size_t geo_cover(const struct geo_math *m, const struct geo_shape *s,
                 struct geo_range ranges[static GEO_RANGES_MAX])
{
    static const struct {
        int east, north;
    } order[GEO_RANGES_MAX] = {{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0},
                               {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
    const struct area bounds = bounds_of(m, s);
    const double radius = s->is_box ? sqrt((s->width / 2) * (s->width / 2) +
                                           (s->height / 2) * (s->height / 2)) : s->radius;
    uint8_t steps = steps_for(radius * s->unit, s->center.latitude);
    if (steps > 1 && !holds(cell_of(&map, s->center, steps), &bounds))
        steps--;

    const struct cell center = cell_of(&map, s->center, steps);
    const struct area area = area_of(center);
    struct cell last = {0, 0}; /* in small maps neighbors are the same, one behind the other; */
    size_t count = 0;          /* Redis does not compare with the center */
    for (size_t i = 0; i < GEO_RANGES_MAX; i++) {
        const struct cell c = neighbor(center, order[i].east, order[i].north);
        if (steps >= 2 && !reaches(&area, &bounds, order[i].east, order[i].north))
            continue;
        if (last.steps > 0 && c.bits == last.bits)
            continue;
        ranges[count++] = range_of(c);
        if (i > 0)
            last = c;
    }
    return count;
}
