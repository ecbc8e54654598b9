/* command_shell.c -- commands from standard input, one a line, replies to standard output: the
 * command layer by hand, and one side of comparisons with redis-cli.
 *
 *   command_shell [-3] [-e]      RESP3; with the keyspace events of each command
 *
 * Time is the machine's, unlike in tests: deadlines of others' choosing have to mean the same. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "command_world.h"

int main(int argc, char **argv)
{
    struct world w;
    bool events = false;
    world_open(&w, 64 << 20);
    for (int i = 1; i < argc; i++) {
        w.protocol = strcmp(argv[i], "-3") == 0 ? 3 : w.protocol;
        events = events || strcmp(argv[i], "-e") == 0;
    }
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        if (line[strspn(line, " \n")] == '\0')
            continue;
        struct buf text = {0};
        w.clock_ms = clock_wall_ms();
        world_escape(world_run_line(&w, line), &text);
        printf("%.*s\n", (int)text.size, (const char *)buf_data(&text));
        if (events)
            printf("    [%.*s]\n", (int)w.events.size, (const char *)buf_data(&w.events));
        fflush(stdout);
        buf_clear(&text);
    }
    free(line);
    world_close(&w);
    return 0;
}
