#include "server/raft_trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/panic.h"

#define TRACE_BYTES_MAX (UINT64_C(4) << 30) /* of a file; then it ends, and the log says so */

struct raft_trace_file {
    int fd;
    uint64_t bytes;
    bool ended;
};

enum status raft_trace_file_open(const char *path, struct raft_trace_file **file, struct error *e)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(e, STATUS_IO, "cannot open raft-trace %s: %s", path, strerror(errno));
    *file = xcalloc(1, sizeof(**file));
    (*file)->fd = fd;
    return STATUS_OK;
}

void raft_trace_file_close(struct raft_trace_file *file)
{
    if (file == NULL)
        return;
    close(file->fd);
    free(file);
}

/* Straight to the file: what a panic follows must be in it. */
static void record(void *context, struct bytes bytes)
{
    struct raft_trace_file *file = context;
    if (file->ended)
        return;
    const bool fits = file->bytes + bytes.size <= TRACE_BYTES_MAX;
    if (fits && write(file->fd, bytes.data, bytes.size) == (ssize_t)bytes.size) {
        file->bytes += bytes.size;
        return;
    }
    file->ended = true;
    log_warn("server", "raft-trace ends here", "bytes=%llu why=\"%s\"",
             (unsigned long long)file->bytes, fits ? strerror(errno) : "the file is large enough");
}

struct trace_port raft_trace_file_port(struct raft_trace_file *file)
{
    return (struct trace_port){file, file == NULL ? NULL : record};
}
