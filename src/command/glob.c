/* glob.c -- Redis's glob patterns, with one step back instead of many.
 *
 * When what follows a '*' fails, only the last '*' need take one byte more: an earlier one could
 * only give the later one less to choose from. So there is no recursion, and "a*a*a*b" costs at
 * most pattern times text. What a pattern matches is Redis's stringmatchlen(), odd corners
 * included: a class without its ']' ends with the pattern; a '\' at the end stands for itself; a
 * pattern with more than GLOB_STARS_MAX runs of stars matches nothing that gets so far. */

#include "command/glob.h"

#define GLOB_STARS_MAX 1000 /* the depth of Redis's recursion; a star at the end is not counted */

static uint8_t fold(uint8_t c, bool ignore_case)
{
    return ignore_case && c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

/* Whether the class that begins behind '[' has c; *next is then behind the class. */
static bool class_has(struct bytes pattern, size_t at, uint8_t c, bool ignore_case, size_t *next)
{
    const uint8_t *p = bytes_data(pattern);
    const bool negated = at < pattern.size && p[at] == '^';
    bool found = false;
    c = fold(c, ignore_case);
    for (at += negated; at < pattern.size && p[at] != ']'; at++) {
        if (p[at] == '\\' && at + 1 < pattern.size) {
            at++;
            found |= p[at] == c;
        } else if (at + 2 < pattern.size && p[at + 1] == '-') {
            uint8_t low = fold(p[at], ignore_case), high = fold(p[at + 2], ignore_case);
            if (low > high) {
                const uint8_t swapped = low;
                low = high;
                high = swapped;
            }
            found |= low <= c && c <= high;
            at += 2;
        } else {
            found |= fold(p[at], ignore_case) == c;
        }
    }
    *next = at < pattern.size ? at + 1 : at;
    return found != negated;
}

/* Whether the element of pattern at at (not a '*') takes c; *next is the element behind it. */
static bool takes(struct bytes pattern, size_t at, uint8_t c, bool ignore_case, size_t *next)
{
    const uint8_t *p = bytes_data(pattern);
    *next = at + 1;
    switch (p[at]) {
    case '?':
        return true;
    case '[':
        return class_has(pattern, at + 1, c, ignore_case, next);
    case '\\':
        if (at + 1 < pattern.size) {
            at++;
            *next = at + 1;
        }
        break;
    default:
        break;
    }
    return fold(p[at], ignore_case) == fold(c, ignore_case);
}

bool glob_match(struct bytes pattern, struct bytes text, bool ignore_case)
{
    const uint8_t *p = bytes_data(pattern);
    if (text.size == 0) /* Redis: not "**", since its loop never begins */
        return pattern.size == 0 || bytes_equal(pattern, BYTES("*"));
    size_t at = 0, position = 0, stars = 0;
    size_t star = SIZE_MAX, star_position = 0; /* the last '*', and where its run ends so far */
    while (position < text.size) {
        size_t next;
        if (at < pattern.size && p[at] == '*') {
            while (at < pattern.size && p[at] == '*')
                at++;
            if (at == pattern.size)
                return true;
            if (++stars > GLOB_STARS_MAX)
                return false;
            star = at;
            star_position = position;
        } else if (at < pattern.size &&
                   takes(pattern, at, bytes_data(text)[position], ignore_case, &next)) {
            at = next;
            position++;
        } else if (star != SIZE_MAX) {
            at = star;
            position = ++star_position;
        } else {
            return false;
        }
    }
    while (at < pattern.size && p[at] == '*')
        at++;
    return at == pattern.size;
}
