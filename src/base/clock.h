/* clock.h -- the machine's clocks. Only server and main read them; node is given its times through
 * a port (node/ports.h), and raft, keyspace, command and machine know none. */

#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_wall_ms(void);  /* since 1970 */
uint64_t clock_wall_us(void);
uint64_t clock_boot_us(void);  /* CLOCK_BOOTTIME: monotonic, goes on while the machine sleeps */

#endif
