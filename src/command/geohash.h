/* geohash.h -- places as numbers of 52 bits, areas of the map, distances on the earth.
 *
 * The map is halved alternately by longitude and latitude, 26 times each; a place's number tells in
 * which halves it lies. So all places of a cell, what is left after some steps, have numbers that
 * lie together:
 *
 *     bits of a number    o a o a o a ...        o: east half?  a: north half?
 *     a cell of 2 steps   1 0 0 1 x x x ...      its members: one range of numbers
 *
 * The bits, the earth and the cells that a search looks at are Redis's, since scores are stored and
 * an unsorted result comes in the order of the cells. */

#ifndef COMMAND_GEOHASH_H
#define COMMAND_GEOHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GEO_STEPS_MAX 26
#define GEO_LONGITUDE_MAX 180.0
#define GEO_LATITUDE_MAX 85.05112878 /* of the square map; no number is beyond */
#define GEO_TEXT_SIZE 11

struct geo_point {
    double longitude, latitude; /* degrees */
};

/* libm's functions, or those that are the same on all nodes (base/real.h) but take a hundred times
 * as long. */
struct geo_math {
    double (*sin)(double x);
    double (*cos)(double x);
    double (*asin)(double x);
};
extern const struct geo_math geo_math_local, geo_math_exact;

/* A place on the map (within the limits above) as a score, and where the middle of a score's cell
 * is. Any number may be given as score. */
double geo_score(struct geo_point p);
struct geo_point geo_point_of(double score);

/* The usual geohash, whose map reaches to the poles. Not terminated. */
void geo_text(struct geo_point p, char text[static GEO_TEXT_SIZE]);

/* In metres. */
double geo_distance(const struct geo_math *m, struct geo_point a, struct geo_point b);

struct geo_shape {
    struct geo_point center;
    bool is_box;
    double radius, width, height; /* in units of unit metres */
    double unit;
};

/* Whether p lies within; then *distance from the center, in metres. By exact math too, a place is
 * first looked at by libm, which tells it unless it is near the border; so without a distance
 * (NULL) it is nearly as quick. */
bool geo_within(const struct geo_math *m, const struct geo_shape *s, struct geo_point p,
                double *distance);

/* Scores from low on and below high. */
struct geo_range {
    double low, high;
};
#define GEO_RANGES_MAX 9
/* The cells that may have places within the shape, in the order in which Redis looks at them;
 * returns how many. */
size_t geo_cover(const struct geo_math *m, const struct geo_shape *s,
                 struct geo_range ranges[static GEO_RANGES_MAX]);

#endif
