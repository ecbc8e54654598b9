/* test.h -- what every cmocka test includes first, in the order that cmocka wants. */

#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* fail() is ours (base/status.h); tests say fail_msg(), which cmocka builds upon its own fail(). */
#undef fail
#undef fail_msg
#define fail_msg(...)                    \
    do {                                 \
        print_error("ERROR: " __VA_ARGS__); \
        print_error("\n");               \
        _fail(__FILE__, __LINE__);       \
    } while (0)

#endif
