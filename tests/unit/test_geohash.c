/* test_geohash.c -- who is within a shape: the quick look of exact math against exact alone. */

#include "test.h"

#include <math.h>

#include "base/prng.h"
#include "command/geohash.h"

static struct geo_point any_point(struct prng *p)
{
    return (struct geo_point){(prng_double(p) * 2 - 1) * GEO_LONGITUDE_MAX,
                              (prng_double(p) * 2 - 1) * GEO_LATITUDE_MAX};
}

/* As geo_within() would say without looking first. */
static bool is_within(const struct geo_shape *s, struct geo_point p, double *distance)
{
    static const double earth_radius = 6372797.560856;
    const struct geo_math *m = &geo_math_exact;
    *distance = geo_distance(m, s->center, p);
    if (!s->is_box)
        return !(*distance > s->radius * s->unit);
    const double north = earth_radius * fabs(p.latitude * (M_PI / 180.0) -
                                             s->center.latitude * (M_PI / 180.0));
    const struct geo_point beside = {s->center.longitude, p.latitude};
    return !(north > s->height * s->unit / 2) &&
           !(geo_distance(m, p, beside) > s->width * s->unit / 2);
}

static void check(const struct geo_shape *s, struct geo_point p)
{
    double want, distance = -1;
    const bool is_in = is_within(s, p, &want);
    assert_int_equal(geo_within(&geo_math_exact, s, p, NULL), is_in);
    assert_int_equal(geo_within(&geo_math_exact, s, p, &distance), is_in);
    if (is_in)
        assert_true(distance == want);
}

static void a_quick_look_decides_as_exact_math_does(void **state)
{
    (void)state;
    struct prng p;
    prng_seed(&p, 5);
    for (int i = 0; i < 3000; i++) {
        const struct geo_point there = any_point(&p);
        struct geo_shape s = {.center = any_point(&p), .unit = i % 3 == 0 ? 1000 : 1};
        s.radius = prng_double(&p) * 20e6 / s.unit;
        check(&s, there);
        s.is_box = true;
        s.width = prng_double(&p) * 20e6 / s.unit;
        s.height = prng_double(&p) * 20e6 / s.unit;
        check(&s, there);
    }
}

/* Where libm alone might be wrong: at the border, on either side of the last bit of a distance. */
static void at_the_border_the_last_bit_counts(void **state)
{
    (void)state;
    struct prng p;
    prng_seed(&p, 6);
    for (int i = 0; i < 1000; i++) {
        const struct geo_point there = any_point(&p);
        struct geo_shape s = {.center = any_point(&p), .unit = 1};
        if (i % 4 == 0) /* on the other side of the earth */
            s.center = (struct geo_point){there.longitude > 0 ? there.longitude - 180
                                                              : there.longitude + 180,
                                          -there.latitude};
        const double distance = geo_distance(&geo_math_exact, s.center, there);
        const double local = geo_distance(&geo_math_local, s.center, there);
        assert_true(fabs(distance - local) < 1); /* a tenth of what is allowed */
        s.radius = distance;
        assert_true(geo_within(&geo_math_exact, &s, there, NULL));
        s.radius = nextafter(distance, 0);
        assert_int_equal(geo_within(&geo_math_exact, &s, there, NULL), distance == 0);
    }
    const struct geo_point here = {13, 38};
    const struct geo_shape strange[] = {
        {.center = here, .radius = INFINITY, .unit = 1}, {.center = here, .unit = 1},
        {.center = here, .is_box = true, .width = INFINITY, .height = 1, .unit = 1}};
    for (size_t i = 0; i < ARRAY_COUNT(strange); i++) {
        check(&strange[i], here);
        check(&strange[i], any_point(&p));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quick_look_decides_as_exact_math_does),
        cmocka_unit_test(at_the_border_the_last_bit_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
