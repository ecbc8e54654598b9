/* real.h -- functions of real numbers whose result may reach a row: correctly rounded, hence the
 * same on every processor (ARCHITECTURE §5 rule 3). libm's are some units in the last place off,
 * by processor. Special cases (zeros, infinities, NaN) are those of C's Annex F.
 *
 * One costs microseconds: where no row can come of it, libm is the better choice. For the thread
 * that applies: MPFR keeps constants for each thread, and one that ends would leave them behind. */

#ifndef BASE_REAL_H
#define BASE_REAL_H

double real_sin(double x);
double real_cos(double x);
double real_tan(double x);
double real_asin(double x);
double real_acos(double x);
double real_atan(double x);
double real_atan2(double y, double x);
double real_sinh(double x);
double real_cosh(double x);
double real_tanh(double x);
double real_exp(double x);
double real_log(double x);
double real_log10(double x);
double real_pow(double x, double y);

#endif
