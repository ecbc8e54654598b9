/* decimal.c -- numbers as digits around a point: value = 0.d1 d2 ... dn * 10^point.
 *
 * Sizes are bounded by what a long double takes: at most TEXT_MAX characters, magnitudes from
 * 10^POINT_MIN to 10^POINT_MAX. The sum of two such has at most some ten thousand digits. */

#include "command/decimal.h"

#include "base/panic.h"

#define TEXT_MAX (5 * 1024) /* as long as Redis accepts a number */
#define POINT_MAX 4933      /* LDBL_MAX is 1.19e4932 */
#define POINT_MIN (-4950)   /* the smallest long double is 3.6e-4951 */
#define FRACTION_MAX 17     /* digits behind the point that Redis prints (%.17Lf) */

struct decimal {
    bool negative, infinite;
    uint8_t *digits; /* 0 .. 9; neither the first nor the last is 0; none: the number is zero */
    int count, point;
};

/* --- reading ---------------------------------------------------------------------------------- */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static void strip(struct decimal *d)
{
    while (d->count > 0 && d->digits[0] == 0) {
        d->digits++;
        d->count--;
        d->point--;
    }
    while (d->count > 0 && d->digits[d->count - 1] == 0)
        d->count--;
    if (d->count == 0)
        d->point = 0;
}

/* The exponent behind 'e'; false: there is none. Saturates far out of range. */
static bool parse_exponent(const uint8_t *next, const uint8_t *end, int *exponent)
{
    bool negative = false;
    if (next < end && (*next == '+' || *next == '-'))
        negative = *next++ == '-';
    if (next == end)
        return false;
    int value = 0;
    for (; next < end; next++) {
        if (!is_digit(*next))
            return false;
        if (value < 100000)
            value = value * 10 + (*next - '0');
    }
    *exponent = negative ? -value : value;
    return true;
}

static bool parse_digits(const uint8_t *next, const uint8_t *end, struct decimal *d)
{
    bool behind_point = false, any = false;
    for (; next < end && (is_digit(*next) || (*next == '.' && !behind_point)); next++) {
        if (*next == '.') {
            behind_point = true;
            continue;
        }
        any = true;
        d->digits[d->count++] = (uint8_t)(*next - '0');
        if (!behind_point)
            d->point++;
    }
    int exponent = 0;
    if (next < end) {
        if ((*next != 'e' && *next != 'E') || !parse_exponent(next + 1, end, &exponent))
            return false;
    }
    strip(d);
    if (d->count > 0)
        d->point += exponent;
    return any && d->point <= POINT_MAX && d->point >= POINT_MIN;
}

static bool parse(struct bytes text, struct arena *arena, struct decimal *d)
{
    *d = (struct decimal){0};
    if (text.size == 0 || text.size >= TEXT_MAX)
        return false;
    const uint8_t *next = text.data, *end = next + text.size;
    if (*next == '+' || *next == '-')
        d->negative = *next++ == '-';
    const struct bytes rest = bytes_of(next, (size_t)(end - next));
    if (bytes_equal_nocase_string(rest, "inf") || bytes_equal_nocase_string(rest, "infinity")) {
        d->infinite = true;
        return true;
    }
    d->digits = arena_alloc(arena, text.size);
    return parse_digits(next, end, d);
}

/* --- adding ----------------------------------------------------------------------------------- */

/* The digit of weight 10^place. */
static int digit_at(const struct decimal *d, int place)
{
    const int position = d->point - 1 - place;
    return position >= 0 && position < d->count ? d->digits[position] : 0;
}

static int low_place(const struct decimal *d)
{
    return d->count == 0 ? 0 : d->point - d->count;
}

static int compare_magnitudes(const struct decimal *a, const struct decimal *b)
{
    const int high = MAX(a->point, b->point), low = MIN(low_place(a), low_place(b));
    for (int place = high; place >= low; place--)
        if (digit_at(a, place) != digit_at(b, place))
            return digit_at(a, place) - digit_at(b, place);
    return 0;
}

/* |a| + |b|, or |a| - |b| when the signs differ (then |a| >= |b|); with a's sign. */
static void add_magnitudes(const struct decimal *a, const struct decimal *b, struct arena *arena,
                           struct decimal *sum)
{
    const int high = MAX(a->point, b->point), low = MIN(low_place(a), low_place(b));
    const int sign = a->negative == b->negative ? 1 : -1;
    *sum = (struct decimal){.negative = a->negative, .count = high - low + 1, .point = high + 1};
    sum->digits = arena_alloc(arena, (size_t)sum->count);
    int carry = 0;
    for (int place = low; place <= high; place++) {
        int digit = digit_at(a, place) + sign * digit_at(b, place) + carry;
        carry = digit < 0 ? -1 : digit / 10;
        digit -= carry * 10;
        sum->digits[high - place] = (uint8_t)digit;
    }
    CHECK(carry == 0);
    strip(sum);
}

/* To FRACTION_MAX digits behind the point, half to even. */
static void round_fraction(struct decimal *d)
{
    const int kept = d->point + FRACTION_MAX; /* digits that stay */
    if (kept >= d->count)
        return;
    if (kept < 0) {
        d->count = 0;
        strip(d);
        return;
    }
    const bool tie = d->digits[kept] == 5 && kept + 1 == d->count;
    const bool odd = kept > 0 && d->digits[kept - 1] % 2 == 1;
    bool up = tie ? odd : d->digits[kept] >= 5;
    d->count = kept;
    for (int i = kept - 1; i >= 0 && up; i--) {
        up = d->digits[i] == 9;
        d->digits[i] = (uint8_t)(up ? 0 : d->digits[i] + 1);
    }
    if (up) { /* 0.99..9 became 1: the first digit's place is free, for all the others are 0 */
        d->digits[0] = 1;
        d->count = 1;
        d->point++;
    }
    strip(d);
}

/* --- writing ---------------------------------------------------------------------------------- */

static struct bytes print(const struct decimal *d, struct arena *arena)
{
    const int whole = MAX(d->point, 1), fraction = MAX(d->count - d->point, 0);
    char *text = arena_alloc(arena, (size_t)(whole + fraction) + 2);
    size_t size = 0;
    if (d->negative && d->count > 0)
        text[size++] = '-';
    for (int place = whole - 1; place >= 0; place--)
        text[size++] = (char)('0' + digit_at(d, place));
    if (d->count > 0 && fraction > 0) {
        text[size++] = '.';
        for (int place = -1; place >= -fraction; place--)
            text[size++] = (char)('0' + digit_at(d, place));
    }
    return bytes_of(text, size);
}

enum decimal_result decimal_add(struct bytes a, struct bytes b, struct arena *arena,
                                struct bytes *sum)
{
    struct decimal left, right, result;
    if (!parse(a, arena, &left) || !parse(b, arena, &right))
        return DECIMAL_INVALID;
    if (left.infinite || right.infinite)
        return DECIMAL_INFINITE;
    if (compare_magnitudes(&left, &right) >= 0)
        add_magnitudes(&left, &right, arena, &result);
    else
        add_magnitudes(&right, &left, arena, &result);
    round_fraction(&result);
    if (result.point > POINT_MAX)
        return DECIMAL_INFINITE;
    *sum = print(&result, arena);
    return DECIMAL_OK;
}
