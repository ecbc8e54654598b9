/* http_file.c -- the dashboard's files, as they were built: index.html and what it names. They hold
 * no data, so they are given to everybody. */

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "admin/http_internal.h"
#include "base/panic.h"

#define FILE_SIZE_MAX ((off_t)16 << 20)
#define PATH_SIZE_MAX 200

/* Words of letters, digits, '-', '_' and dots inside, with single slashes between: no way up, no
 * hidden file, nothing encoded. */
static bool is_plain(const char *path)
{
    if (strlen(path) > PATH_SIZE_MAX)
        return false;
    for (char before = '/'; *path != '\0'; before = *path++) {
        const bool begins = before == '/';
        if (!isalnum((unsigned char)*path) && strchr("-_./", *path) == NULL)
            return false;
        if ((begins && (*path == '.' || *path == '/')) || (*path == '.' && before == '.'))
            return false;
    }
    return true;
}

static const char *type_of(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},   {".svg", "image/svg+xml"},
        {".png", "image/png"},                 {".ico", "image/x-icon"},
        {".txt", "text/plain; charset=utf-8"}, {".json", "application/json"},
    };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < ARRAY_COUNT(types); i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

/* -1: there is none. */
static int open_file(const struct http *h, const char *path, off_t *size)
{
    struct stat info;
    const int dir = open(h->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int fd = dir < 0 ? -1 : openat(dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (dir >= 0)
        close(dir);
    if (fd >= 0 && (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) ||
                    info.st_size > FILE_SIZE_MAX)) {
        close(fd);
        return -1;
    }
    *size = fd < 0 ? 0 : info.st_size;
    return fd;
}

/* Built files have a hash of what is in them in their names; the page itself has not. */
static void send_file(struct http *h, struct evhttp_request *request, const char *path,
                      const char *policy)
{
    off_t size;
    const int fd = open_file(h, path, &size);
    if (fd < 0 && strcmp(path, "index.html") == 0) {
        http_reply_text(request, 404, "there is no dashboard where http-dir says; /healthz, "
                                      "/readyz, /metrics and /api are there\n");
        return;
    }
    struct evbuffer *body = evbuffer_new();
    if (body == NULL)
        panic("evbuffer_new failed");
    if (fd < 0 || (size > 0 && evbuffer_add_file(body, fd, 0, size) != 0)) {
        evbuffer_free(body);
        http_reply_text(request, 404, "there is no such file\n");
        return;
    }
    if (size == 0)
        close(fd); /* else the buffer's */
    http_add_header(request, "Content-Type", type_of(path));
    http_add_header(request, "X-Content-Type-Options", "nosniff");
    http_add_header(request, "Content-Security-Policy", policy);
    http_add_header(request, "Referrer-Policy", "no-referrer");
    http_add_header(request, "Cache-Control", strncmp(path, "assets/", 7) == 0
                                                  ? "public, max-age=31536000, immutable"
                                                  : "no-store");
    evhttp_send_reply(request, 200, NULL, body);
    evbuffer_free(body);
}

void page_send(struct call *call)
{
    struct buf policy = {0};
    buf_append_string(&policy, "default-src 'none'; script-src 'self'; style-src 'self'; "
                               "img-src 'self'; base-uri 'none'; form-action 'none'; "
                               "frame-ancestors 'none'; connect-src 'self'");
    buf_append_bytes(&policy, buf_bytes(&call->answer));
    buf_append_u8(&policy, '\0');
    send_file(call->http, call->request, "index.html", (const char *)buf_data(&policy));
    buf_clear(&policy);
}

void http_file(struct http *h, struct evhttp_request *request, const char *path)
{
    if (strcmp(path, "/") == 0 || strcmp(path, "/index.html") == 0) {
        call_ask(h, CALL_PAGE, request);
    } else if (*path == '/' && is_plain(path + 1)) {
        send_file(h, request, path + 1, "default-src 'none'");
    } else {
        http_reply_text(request, 404, "there is no such file\n");
    }
}
