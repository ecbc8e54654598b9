/* keeper.c -- the hand outside: does to a node what a node cannot do to itself, or not when it is
 * dead. Nodes with `chaos yes` ask it on behalf of an administrator (docs/HTTP.md, /api/chaos).
 *
 *   keeper SOCKET HAND [ARGUMENT ...]
 *
 *   a node:  "start 127.0.0.1:17002\n"   kill, pause, resume; the node by its peer address
 *   keeper:  runs HAND ARGUMENT ... --start 127.0.0.1:17002
 *            "ok\n", or "error " and the last line that HAND said
 *
 * It keeps no account of processes: HAND (utils/start-cluster.sh) does. One question at a time, as
 * that is what HAND can do; others wait in the socket's queue. Who may open SOCKET may ask: the file
 * is its owner's alone. It ends when that file is gone, or is another's. */

#define _GNU_SOURCE /* accept4, pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 16
#define LINE_MAX_SIZE 320 /* a deed, and a host's name with its port */
#define SAID_MAX 4096     /* of what HAND says: the last line is in it, or it is cut */
#define PATIENCE_S 2      /* for a question to come, and for its answer to be taken */
#define LOOK_MS 2000      /* how often it looks whether SOCKET is still there */

static _Noreturn void die(const char *what, const char *about)
{
    fprintf(stderr, "keeper: %s %s: %s\n", what, about, strerror(errno));
    exit(1);
}

/* --- the socket ------------------------------------------------------------------------------- */

static int listen_at(const char *path, struct stat *file)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        die("cannot listen at", path);
    }
    strcpy(address.sun_path, path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(path); /* a keeper's that was killed */
    const mode_t mask = umask(077);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 16) != 0 || stat(path, file) != 0)
        die("cannot listen at", path);
    umask(mask); /* HAND's, and of what it starts */
    return fd;
}

static bool is_there(const char *path, const struct stat *file)
{
    struct stat now;
    return stat(path, &now) == 0 && now.st_ino == file->st_ino && now.st_dev == file->st_dev;
}

/* Up to a line's end. false: none came in time, or a longer one. */
static bool read_line(int fd, char line[LINE_MAX_SIZE])
{
    size_t size = 0;
    while (size < LINE_MAX_SIZE) {
        const ssize_t got = read(fd, line + size, LINE_MAX_SIZE - size);
        if (got <= 0)
            return false;
        char *end = memchr(line + size, '\n', (size_t)got);
        if (end != NULL) {
            *end = '\0';
            return strlen(line) == (size_t)(end - line);
        }
        size += (size_t)got;
    }
    return false;
}

/* --- the deed --------------------------------------------------------------------------------- */

/* "start host:port" -> "--start", "host:port". false: it is something else. */
static bool take_order(char *line, const char **option, const char **node)
{
    static const char *const options[] = {"--kill", "--start", "--pause", "--resume"};
    char *blank = strchr(line, ' ');
    if (blank == NULL)
        return false;
    *blank = '\0';
    *node = blank + 1;
    *option = NULL;
    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
        if (strcmp(line, options[i] + 2) == 0)
            *option = options[i];
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789.-_:[]";
    return *option != NULL && **node != '\0' && **node != '-' &&
           strspn(*node, allowed) == strlen(*node);
}

/* What the child said, its end kept where it is too much, as a string. */
static void read_said(int fd, char said[SAID_MAX])
{
    size_t size = 0;
    for (;;) {
        if (size == SAID_MAX - 1) {
            memmove(said, said + SAID_MAX / 2, size - SAID_MAX / 2);
            size -= SAID_MAX / 2;
        }
        const ssize_t got = read(fd, said + size, SAID_MAX - 1 - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    said[size] = '\0';
}

static const char *last_line(char *said)
{
    size_t size = strlen(said);
    while (size > 0 && said[size - 1] == '\n')
        said[--size] = '\0';
    const char *line = strrchr(said, '\n');
    return line == NULL ? said : line + 1;
}

/* Runs HAND to its end. true: it says that the deed is done. */
static bool run(char *const *hand, int said_fds[2], char said[SAID_MAX])
{
    int status = 0;
    const pid_t child = fork();
    if (child < 0) {
        close(said_fds[1]);
        snprintf(said, SAID_MAX, "cannot fork: %s", strerror(errno));
        return false;
    }
    if (child == 0) {
        dup2(said_fds[1], STDOUT_FILENO);
        dup2(said_fds[1], STDERR_FILENO);
        execv(hand[0], hand);
        fprintf(stderr, "keeper: cannot run %s: %s\n", hand[0], strerror(errno));
        _exit(127);
    }
    close(said_fds[1]);
    read_said(said_fds[0], said);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void obey(char *line, char **hand, size_t count, char answer[SAID_MAX + 16])
{
    char said[SAID_MAX];
    const char *option, *node;
    int fds[2];
    if (!take_order(line, &option, &node)) {
        strcpy(answer, "error that is no order: kill, start, pause or resume, and host:port\n");
        return;
    }
    hand[count] = strdup(option);
    hand[count + 1] = strdup(node);
    if (hand[count] == NULL || hand[count + 1] == NULL || pipe2(fds, O_CLOEXEC) != 0) {
        snprintf(answer, SAID_MAX, "error of the keeper: %s\n", strerror(errno));
    } else {
        const bool is_done = run(hand, fds, said);
        close(fds[0]);
        snprintf(answer, SAID_MAX + 16, is_done ? "ok\n" : "error %s\n", last_line(said));
    }
    free(hand[count]);
    free(hand[count + 1]);
    hand[count] = NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

static void serve(int fd, char **hand, size_t count)
{
    static const struct timeval patience = {PATIENCE_S, 0};
    char line[LINE_MAX_SIZE], answer[SAID_MAX + 16];
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0 ||
        !read_line(fd, line))
        return;
    obey(line, hand, count, answer);
    if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
        fprintf(stderr, "keeper: nobody waited for the answer: %s", answer);
}

int main(int argc, char **argv)
{
    char *hand[ARGUMENTS_MAX + 3] = {NULL}; /* and the option, the node, NULL */
    if (argc < 3 || argc - 2 > ARGUMENTS_MAX) {
        fprintf(stderr, "usage: keeper SOCKET HAND [ARGUMENT ...]\n");
        return 1;
    }
    const size_t count = (size_t)argc - 2;
    memcpy(hand, argv + 2, count * sizeof(*hand));
    struct stat file;
    const int fd = listen_at(argv[1], &file);
    while (is_there(argv[1], &file)) {
        struct pollfd door = {.fd = fd, .events = POLLIN};
        if (poll(&door, 1, LOOK_MS) <= 0)
            continue;
        const int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0)
            continue;
        serve(client, hand, count);
        close(client);
    }
    return 0;
}
