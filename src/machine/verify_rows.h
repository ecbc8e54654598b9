/* verify_rows.h -- what the files of the machine see of a foreign state's rows, one by one and
 * added up at the end. */

#ifndef MACHINE_VERIFY_ROWS_H
#define MACHINE_VERIFY_ROWS_H

#include "command/forms.h"
#include "machine/waiters.h"

struct script_seen {
    uint64_t count, bytes, known;
    uint64_t order;   /* of those that may go: sums of hashes, by state less by order */
    uint64_t sources; /* scripts less sources */
    uint64_t totals[4];
};
struct function_seen {
    uint64_t libraries, functions, bytes;
    uint64_t totals[4];
};
struct parts_seen {
    uint64_t rows, staged;
};

struct machine_seen {
    struct verify *verify; /* while a row is looked at */
    struct forms forms;
    struct waiters waiters;
    struct arena arena;
    struct script_seen scripts;
    struct function_seen functions;
    struct parts_seen parts;
};

/* totals:8 four times, of a system row. */
bool totals_decode(struct bytes row, uint64_t totals[static 4]);

bool waiter_row_is_sound(struct machine_seen *s, struct bytes key, struct bytes value);
bool part_row_is_sound(struct machine_seen *s, struct bytes key, struct bytes value);
bool script_row_is_sound(struct machine_seen *s, struct bytes key, struct bytes value);
bool script_rows_add_up(const struct script_seen *s);
bool function_row_is_sound(struct machine_seen *s, struct bytes key, struct bytes value);
bool function_rows_add_up(const struct function_seen *s);

#endif
