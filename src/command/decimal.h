/* decimal.h -- exact addition of decimal numbers, for INCRBYFLOAT and HINCRBYFLOAT.
 *
 * Redis adds long doubles, whose width differs between processors; all nodes must write the same
 * bytes (ARCHITECTURE §5 rule 3). So numbers are added digit by digit and rounded once, half to
 * even, to Redis's 17 digits behind the point. Where Redis shows the noise of 64-bit mantissas
 * ("0.3000000000000000001"), the true sum stands here. */

#ifndef COMMAND_DECIMAL_H
#define COMMAND_DECIMAL_H

#include "base/arena.h"
#include "base/bytes.h"

enum decimal_result {
    DECIMAL_OK,
    DECIMAL_INVALID,  /* no number; also hexadecimal, "nan", spaces, beyond a long double */
    DECIMAL_INFINITE, /* one of them is infinite, or the sum is out of range */
};

/* *sum (memory of arena) = a + b, without exponent, trailing zeros or "-0". */
enum decimal_result decimal_add(struct bytes a, struct bytes b, struct arena *arena,
                                struct bytes *sum);

#endif
