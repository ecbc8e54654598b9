/* compatibility.c -- writes docs/COMPATIBILITY.md from the command table.
 *
 *   compatibility docs/compatibility.tsv
 *
 * The table knows which commands there are and which run; the file says how one differs and why one
 * is refused: name, tab, sentence. It also names commands that the table does not have (of newer
 * Redis): a "-" stands between name and sentence. A line about a command that is unknown to the
 * table and not marked so is a mistake: exit 1. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "server/local.h"

#define NOTES_MAX 512
#define LINE_MAX_SIZE 512

struct note {
    char *name, *text;
    bool is_absent; /* not in the table */
};

static struct commands_info *all;
static struct note notes[NOTES_MAX];
static size_t note_count;

static void notes_read(const char *path)
{
    char line[LINE_MAX_SIZE];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "compatibility: cannot read %s\n", path);
        exit(1);
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        char *text = strchr(line, '\t');
        if (text == NULL || note_count == NOTES_MAX) {
            fprintf(stderr, "compatibility: %s: \"%s\" has no tab, or there are too many lines\n",
                    path, line);
            exit(1);
        }
        *text++ = '\0';
        struct note *note = &notes[note_count++];
        note->is_absent = strncmp(text, "-\t", 2) == 0;
        note->name = strdup(line);
        note->text = strdup(note->is_absent ? text + 2 : text);
        CHECK(note->name != NULL);
        CHECK(note->text != NULL);
    }
    fclose(file);
}

/* Of the command, or else of all subcommands of its container ("cluster|*"). */
static const char *note_of(const char *name)
{
    char whole[COMMAND_NAME_MAX + 1];
    snprintf(whole, sizeof(whole), "%.*s|*", (int)strcspn(name, "|"), name);
    const char *found = NULL;
    for (size_t i = 0; i < note_count; i++) {
        if (strcmp(notes[i].name, name) == 0)
            return notes[i].text;
        if (strcmp(notes[i].name, whole) == 0)
            found = notes[i].text;
    }
    return found;
}

/* Here a command is a function, what the machine does (scripts), what a session does (MULTI), or
 * what the node answers by itself. */
static bool runs(const struct command *c)
{
    const struct command_info *info = commands_info_of(all, c);
    if (c->flags & CMD_NOT_YET)
        return false;
    return c->run != NULL || (c->flags & CMD_MACHINE) || info->op != OP_NONE ||
           info->local != NULL || info->is_debug;
}

static void write_row(const struct command *c)
{
    char name[COMMAND_NAME_MAX];
    const struct bytes full = command_full_name(c, name);
    char text[COMMAND_NAME_MAX + 1], shown[COMMAND_NAME_MAX + 1];
    snprintf(text, sizeof(text), "%.*s", (int)full.size, (const char *)full.data);
    for (size_t i = 0; i <= full.size; i++) {
        const char letter = text[i] == '|' ? ' ' : text[i];
        shown[i] = (char)(letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter);
    }
    const char *note = note_of(text);
    if (!runs(c))
        printf("| %s | no | %s |\n", shown, note == NULL ? "not supported yet" : note);
    else
        printf("| %s | %s | %s |\n", shown, note == NULL ? "yes" : "differs",
               note == NULL ? "" : note);
}

static void write_command(const struct command *c)
{
    if (c->subcommands == NULL)
        write_row(c);
    else
        for (const struct command *s = c->subcommands; s->name != NULL; s++)
            write_row(s);
}

static void check_names(void)
{
    for (size_t i = 0; i < note_count; i++) {
        const char *name = notes[i].name;
        const size_t size = strlen(name);
        const bool is_all = size > 2 && strcmp(name + size - 2, "|*") == 0;
        const struct bytes asked = {name, is_all ? size - 2 : size};
        if ((command_by_name(asked) == NULL) != notes[i].is_absent) {
            fprintf(stderr, "compatibility: \"%s\" is %s the table\n", name,
                    notes[i].is_absent ? "in" : "not in");
            exit(1);
        }
    }
}

static const char *const groups[] = {
    "string", "bitmap", "hyperloglog", "hash", "list", "set", "sorted-set", "stream", "geo",
    "generic", "transactions", "scripting", "pubsub", "connection", "server", "cluster", "raft",
};

static void write_group(const char *group)
{
    printf("\n## %s\n\n| command | | |\n|---|---|---|\n", group);
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)) != NULL; i++)
        if (strcmp(c->group, group) == 0)
            write_command(c);
}

static void check_groups(void)
{
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
        bool is_known = false;
        for (size_t g = 0; g < ARRAY_COUNT(groups); g++)
            is_known = is_known || strcmp(c->group, groups[g]) == 0;
        if (!is_known) {
            fprintf(stderr, "compatibility: %s is of the unknown group \"%s\"\n", c->name, c->group);
            exit(1);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: compatibility docs/compatibility.tsv\n");
        return 1;
    }
    notes_read(argv[1]);
    all = commands_info_new(local_rows, local_row_count);
    check_names();
    check_groups();
    printf("# Compatibility\n\n"
           "Every command and subcommand of Redis 7.0, and what it does here: *yes* (as Redis: the same\n"
           "arguments, replies, error texts), *differs* (how), or *no* (why). Written by "
           "`make compatibility`\nfrom the command table and `docs/compatibility.tsv`; "
           "`make check` compares.\n");
    for (size_t g = 0; g < ARRAY_COUNT(groups); g++)
        write_group(groups[g]);
    printf("\n## Of newer Redis, not here\n\n| command | |\n|---|---|\n");
    for (size_t i = 0; i < note_count; i++)
        if (notes[i].is_absent)
            printf("| %s | %s |\n", notes[i].name, notes[i].text);
    commands_info_free(all);
    return 0;
}
