/* glob.h -- patterns of KEYS, SCAN MATCH, PSUBSCRIBE, CONFIG GET: Redis's stringmatchlen. */

#ifndef COMMAND_GLOB_H
#define COMMAND_GLOB_H

#include "base/bytes.h"

/* '*' any run, '?' any byte, [a-z] [^a] classes, '\' takes the next byte as it is. Bounded by
 * pattern.size * text.size steps, whatever the pattern. */
bool glob_match(struct bytes pattern, struct bytes text, bool ignore_case);

#endif
