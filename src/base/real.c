/* real.c -- correctly rounded functions of real numbers, by MPFR at a double's 53 bits.
 *
 * MPFR computes with a wide range of exponents and rounds once to 53 bits. What is left is a
 * double's own range: above it infinity, below it fewer bits, which must come of the exact value,
 * not of one that was rounded already. mpfr_check_range() and mpfr_subnormalize() see to that; they
 * want to know how the first rounding went. */

#include "base/real.h"

#include <float.h>
#include <mpfr.h>

#define EXPONENT_MIN (DBL_MIN_EXP - DBL_MANT_DIG + 1) /* of the smallest subnormal */
#define EXPONENT_MAX DBL_MAX_EXP

/* rounded: what the function that gave y returned. */
static double to_double(mpfr_ptr y, int rounded)
{
    const mpfr_exp_t min = mpfr_get_emin(), max = mpfr_get_emax();
    mpfr_set_emin(EXPONENT_MIN);
    mpfr_set_emax(EXPONENT_MAX);
    rounded = mpfr_check_range(y, rounded, MPFR_RNDN);
    mpfr_subnormalize(y, rounded, MPFR_RNDN);
    mpfr_set_emin(min);
    mpfr_set_emax(max);
    return mpfr_get_d(y, MPFR_RNDN);
}

typedef int function_of_one(mpfr_ptr result, mpfr_srcptr x, mpfr_rnd_t round);
typedef int function_of_two(mpfr_ptr result, mpfr_srcptr x, mpfr_srcptr y, mpfr_rnd_t round);

static double of_one(function_of_one *function, double x)
{
    MPFR_DECL_INIT(argument, DBL_MANT_DIG);
    MPFR_DECL_INIT(result, DBL_MANT_DIG);
    mpfr_set_d(argument, x, MPFR_RNDN);
    return to_double(result, function(result, argument, MPFR_RNDN));
}

static double of_two(function_of_two *function, double x, double y)
{
    MPFR_DECL_INIT(first, DBL_MANT_DIG);
    MPFR_DECL_INIT(second, DBL_MANT_DIG);
    MPFR_DECL_INIT(result, DBL_MANT_DIG);
    mpfr_set_d(first, x, MPFR_RNDN);
    mpfr_set_d(second, y, MPFR_RNDN);
    return to_double(result, function(result, first, second, MPFR_RNDN));
}

double real_sin(double x) { return of_one(mpfr_sin, x); }
double real_cos(double x) { return of_one(mpfr_cos, x); }
double real_tan(double x) { return of_one(mpfr_tan, x); }
double real_asin(double x) { return of_one(mpfr_asin, x); }
double real_acos(double x) { return of_one(mpfr_acos, x); }
double real_atan(double x) { return of_one(mpfr_atan, x); }
double real_atan2(double y, double x) { return of_two(mpfr_atan2, y, x); }
double real_sinh(double x) { return of_one(mpfr_sinh, x); }
double real_cosh(double x) { return of_one(mpfr_cosh, x); }
double real_tanh(double x) { return of_one(mpfr_tanh, x); }
double real_exp(double x) { return of_one(mpfr_exp, x); }
double real_log(double x) { return of_one(mpfr_log, x); }
double real_log10(double x) { return of_one(mpfr_log10, x); }
double real_pow(double x, double y) { return of_two(mpfr_pow, x, y); }
