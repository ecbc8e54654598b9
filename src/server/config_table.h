/* config_table.h -- the rows of settings, for config.c alone. */

#ifndef SERVER_CONFIG_TABLE_H
#define SERVER_CONFIG_TABLE_H

#include "server/config.h"

extern const struct config_row config_rows[];
extern const size_t config_row_count;

/* Checks of CONFIG_SPECIAL rows (config.c). */
bool config_check_output_limits(struct bytes value, struct buf *canonical, struct error *e);
void config_assign_output_limits(struct config *c, const char *canonical);
bool config_check_save(struct bytes value, struct buf *canonical, struct error *e);
bool config_check_percentiles(struct bytes value, struct buf *canonical, struct error *e);
bool config_check_three_numbers(struct bytes value, struct buf *canonical, struct error *e);

#endif
