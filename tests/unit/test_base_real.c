/* test_base_real.c -- functions of real numbers against values of another source.
 *
 * Expected values are mpmath's (Python, at 400 bits), rounded once, half to even, to a double. The
 * second of each pair is one where glibc 2.36's libm on x86-64 gives another. */

#include "test.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/real.h"

static void check_same(double got, double want)
{
    if (memcmp(&got, &want, sizeof(got)) != 0)
        fail_msg("%a, but %a is right", got, want);
}

static void results_are_correctly_rounded(void **state)
{
    (void)state;
    static const struct {
        double (*function)(double x);
        double x, want;
    } cases[] = {
        {real_sin, -0x1.1e829d6c848eap+2, 0x1.f1d904d31149dp-1},
        {real_sin, 0x1.a866db7ab06a8p+1, -0x1.62a66418b9fc3p-3},
        {real_sin, 1e22, -0x1.b453ab76bf397p-1},
        {real_cos, -0x1.17fe2de917b40p-1, 0x1.b5549670543bbp-1},
        {real_cos, 0x1.ce09d90596208p+3, -0x1.301d387095ed7p-2},
        {real_tan, 0x1.efeab9dd4b60cp+3, -0x1.b5b71ae06c7ccp-3},
        {real_tan, 0x1.947659ba21c0cp+3, 0x1.2bdaebd66cb6dp-4},
        {real_asin, 0x1.a3c1fe7288da0p-1, 0x1.ec194d4ef71bcp-1},
        {real_asin, 0x1.c9f01fec3ccdep-1, 0x1.1b6b993414c71p+0},
        {real_acos, 0x1.15d5e7ab60a92p-1, 0x1.fe925baa36f10p-1},
        {real_acos, -0x1.1841d4c4bebacp-1, 0x1.1333f785b4691p+1},
        {real_atan, -0x1.fc20017563e30p+1, -0x1.52f33e7a1d69cp+0},
        {real_atan, -0x1.63155719ef8cdp+3, -0x1.7b1d89311bda3p+0},
        {real_sinh, -0x1.12e86d9b73a97p+4, -0x1.ba09188eaab49p+23},
        {real_sinh, -0x1.b8a9f5526d3fap+3, -0x1.d2e7ed3ffc482p+18},
        {real_cosh, 0x1.15b0aaef252f0p+4, 0x1.06fe5c8c2aabap+24},
        {real_cosh, -0x1.0a505ad5d893ap+3, 0x1.012a65701902dp+11},
        {real_tanh, -0x1.dd5ec19666f0cp+3, -0x1.ffffffffff83dp-1},
        {real_tanh, -0x1.4e5051a06f700p-1, -0x1.25b65c29e6157p-1},
        {real_exp, -0x1.eaf935675e9fap+3, 0x1.d236690606a2fp-23},
        {real_exp, 0x1.09bb09129d154p+4, 0x1.f22d49841b325p+23},
        {real_log, 0x1.1a25354d089d5p+5, 0x1.c80fc143f755ap+1},
        {real_log, 0x1.920b572acdc85p+2, 0x1.d67224cc20fffp+0},
        {real_log10, 0x1.aa2856611dfd1p+4, 0x1.6cea4e48bbb5fp+0},
        {real_log10, 0x1.885cd017702ffp+6, 0x1.fddb4db8777b7p+0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_same(cases[i].function(cases[i].x), cases[i].want);
    check_same(real_atan2(0x1.c5b3df18c40b5p+0, 0x1.0b866f877c020p-1), 0x1.48ba6c6519c6fp+0);
    check_same(real_atan2(0x1.700a21f54da5fp+4, -0x1.a86f91ee60f98p+2), 0x1.d9fb6eac22471p+0);
    check_same(real_pow(0x1.66a911cd7ee30p+3, -0x1.0a63397bc68cdp+4), 0x1.ef8dc98bc981cp-59);
    check_same(real_pow(0x1.8a00fc5d88d73p+4, 0x1.c7f0acb6e93ecp+2), 0x1.e70a3962dcfb1p+32);
}

/* At the ends of a double's range: subnormal numbers, of which some were rounded twice if the first
 * rounding were forgotten, nothing, and infinity. */
static void results_keep_to_the_range_of_doubles(void **state)
{
    (void)state;
    check_same(real_exp(-708.5), 0x0.e6cf6d08897acp-1022);
    check_same(real_exp(-710.5), 0x0.1f3c9d0fbe022p-1022);
    check_same(real_exp(-745), DBL_TRUE_MIN);
    check_same(real_exp(-745.2), 0);
    check_same(real_exp(709.78), 0x1.fe9ce5c4c52b4p+1023);
    check_same(real_exp(709.79), INFINITY);
    check_same(real_pow(-2, -1074), DBL_TRUE_MIN);
    check_same(real_pow(-2, 1025), -INFINITY);
}

static void special_values_are_those_of_c(void **state)
{
    (void)state;
    check_same(real_sin(-0.0), -0.0);
    check_same(real_atan2(0.0, -1), 0x1.921fb54442d18p+1); /* pi */
    check_same(real_atan2(-0.0, -1), -0x1.921fb54442d18p+1);
    check_same(real_log(0), -INFINITY);
    check_same(real_pow(0, 0), 1);
    check_same(real_pow(-0.0, -3), -INFINITY);
    check_same(real_exp(-INFINITY), 0);
    assert_true(isnan(real_cos(INFINITY)));
    assert_true(isnan(real_asin(1.0000000000000002)));
    assert_true(isnan(real_log(-1)));
    assert_true(isnan(real_sin(NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_correctly_rounded),
        cmocka_unit_test(results_keep_to_the_range_of_doubles),
        cmocka_unit_test(special_values_are_those_of_c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
