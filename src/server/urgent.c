#define _GNU_SOURCE /* gettid() */
#include "server/urgent.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

void urgent_thread(void)
{
    const id_t self = (id_t)gettid(); /* Linux: a priority belongs to a thread */
    if (setpriority(PRIO_PROCESS, self, URGENT_NICE) != 0)
        log_debug("server", "a thread may not go before others", "why=\"%s\"", strerror(errno));
}
