/* resp_read.c -- requests out of bytes. What is accepted and what is said of the rest follows Redis
 * 7.0's processMultibulkBuffer, processInlineBuffer and sdssplitargs to the letter: the two bytes
 * behind a length and behind a bulk are not looked at, and a NUL hides the end of its line. */

#include "resp/resp_read.h"

#include <stdlib.h>

#include "base/panic.h"

#define ARGS_CAPACITY_MIN 16
#define ARGS_CAPACITY_KEPT 1024 /* arrays beyond are given back after their request */
#define WORDS_CAPACITY_KEPT 4096
#define LINE_END_SIZE 2

void resp_reader_init(struct resp_reader *r)
{
    *r = (struct resp_reader){0};
}

void resp_reader_clear(struct resp_reader *r)
{
    free(r->args);
    buf_clear(&r->words);
    resp_reader_init(r);
}

static enum resp_result need_more(struct resp_request *out, size_t missing)
{
    out->missing = missing;
    return RESP_NEED_MORE;
}

static enum resp_result protocol_error(struct resp_reader *r, struct resp_request *out,
                                       struct bytes what)
{
    const struct bytes start = BYTES("ERR Protocol error: ");
    CHECK(start.size + what.size <= sizeof(r->error));
    memcpy(r->error, start.data, start.size);
    memcpy(r->error + start.size, what.data, what.size);
    out->error = bytes_of(r->error, start.size + what.size);
    return RESP_PROTOCOL_ERROR;
}

static enum resp_result request_done(struct resp_reader *r, struct resp_request *out,
                                     const void *base)
{
    for (size_t i = 0; i < r->arg_count; i++)
        r->args[i].data = (const uint8_t *)base + (uintptr_t)r->args[i].data;
    out->args = r->args;
    out->arg_count = r->arg_count;
    out->consumed = r->position;

    r->arg_count = 0;
    r->args_expected = 0;
    r->position = 0;
    r->scanned = 0;
    return RESP_REQUEST;
}

static void add_arg(struct resp_reader *r, size_t offset, size_t size)
{
    if (r->arg_count == r->arg_capacity) {
        r->arg_capacity = MAX(r->arg_capacity * 2, ARGS_CAPACITY_MIN);
        r->args = xrealloc(r->args, r->arg_capacity * sizeof(*r->args));
    }
    r->args[r->arg_count++] = bytes_of((const void *)(uintptr_t)offset, size);
}

/* Looks for end from where the last call stopped. r->scanned is where it is, if the result is true.
 * Redis searches with strchr(): behind a NUL it finds nothing. */
static bool find_line_end(struct resp_reader *r, struct bytes input, uint8_t end)
{
    const uint8_t *data = bytes_data(input);
    size_t at = r->scanned;
    while (at < input.size && data[at] != end && data[at] != '\0')
        at++;
    r->scanned = at;
    return at < input.size && data[at] == end;
}

/* The line at position, of a count or a size: REQUEST when it is whole; *line is then what stands
 * behind its first byte. */
static enum resp_result read_length_line(struct resp_reader *r, struct bytes input,
                                         const struct resp_limits *limits,
                                         struct resp_request *out, struct bytes *line)
{
    if (!find_line_end(r, input, '\r')) {
        if (input.size - r->position <= limits->inline_max)
            return need_more(out, 1);
        return protocol_error(r, out, r->args_expected == 0 ? BYTES("too big mbulk count string")
                                                            : BYTES("too big bulk count string"));
    }
    if (input.size - r->scanned < LINE_END_SIZE)
        return need_more(out, 1);
    const size_t size = r->scanned - r->position;
    *line = bytes_from(bytes_of(bytes_data(input) + r->position, size), 1);
    return RESP_REQUEST;
}

static void line_done(struct resp_reader *r)
{
    r->position = r->scanned + LINE_END_SIZE;
    r->scanned = r->position;
}

static enum resp_result read_count(struct resp_reader *r, struct bytes input,
                                   const struct resp_limits *limits, struct resp_request *out)
{
    struct bytes line;
    const enum resp_result result = read_length_line(r, input, limits, out, &line);
    if (result != RESP_REQUEST)
        return result;

    int64_t count;
    if (!bytes_to_int64(line, &count) || (count > 0 && (uint64_t)count > limits->args_max))
        return protocol_error(r, out, BYTES("invalid multibulk length"));
    if (count > RESP_UNAUTHENTICATED_ARGS_MAX && !limits->authenticated)
        return protocol_error(r, out, BYTES("unauthenticated multibulk length"));
    line_done(r);
    r->args_expected = count > 0 ? (size_t)count : 0;
    return RESP_REQUEST;
}

static enum resp_result read_bulk_size(struct resp_reader *r, struct bytes input,
                                       const struct resp_limits *limits, struct resp_request *out)
{
    struct bytes line;
    const enum resp_result result = read_length_line(r, input, limits, out, &line);
    if (result != RESP_REQUEST)
        return result;

    const uint8_t first = bytes_data(input)[r->position];
    if (first != '$') {
        char text[] = "expected '$', got '?'";
        text[sizeof(text) - 3] = (char)first;
        return protocol_error(r, out, bytes_of(text, sizeof(text) - 1));
    }
    int64_t size;
    if (!bytes_to_int64(line, &size) || size < 0 || (uint64_t)size > limits->bulk_max)
        return protocol_error(r, out, BYTES("invalid bulk length"));
    if (size > RESP_UNAUTHENTICATED_BULK_MAX && !limits->authenticated)
        return protocol_error(r, out, BYTES("unauthenticated bulk length"));
    line_done(r);
    r->bulk_size = (size_t)size;
    r->in_bulk = true;
    return RESP_REQUEST;
}

static enum resp_result read_multibulk(struct resp_reader *r, struct bytes input,
                                       const struct resp_limits *limits, struct resp_request *out)
{
    if (r->args_expected == 0) {
        const enum resp_result result = read_count(r, input, limits, out);
        if (result != RESP_REQUEST)
            return result;
    }
    while (r->arg_count < r->args_expected) {
        if (!r->in_bulk) {
            const enum resp_result result = read_bulk_size(r, input, limits, out);
            if (result != RESP_REQUEST)
                return result;
        }
        const size_t here = input.size - r->position;
        const size_t needed = r->bulk_size + LINE_END_SIZE;
        if (here < needed)
            return need_more(out, needed - here);
        add_arg(r, r->position, r->bulk_size);
        r->position += needed;
        r->scanned = r->position;
        r->in_bulk = false;
    }
    return request_done(r, out, input.data);
}

/* isspace() of the C locale */
static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* What the escape at line[at] (the byte behind a backslash) means; *used = its bytes. */
static uint8_t unescape(struct bytes line, size_t at, size_t *used)
{
    const uint8_t *data = bytes_data(line);
    if (data[at] == 'x' && at + 2 < line.size) {
        const int high = hex_digit(data[at + 1]);
        const int low = hex_digit(data[at + 2]);
        if (high >= 0 && low >= 0) {
            *used = 3;
            return (uint8_t)(high * 16 + low);
        }
    }
    *used = 1;
    switch (data[at]) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'a':
        return '\a';
    default:
        return data[at];
    }
}

/* Appends what is quoted to words; at is behind the opening quote. Returns the position behind the
 * closing one, 0 when there is none or something other than a space follows it. */
static size_t read_quoted(struct bytes line, size_t at, uint8_t quote, struct buf *words)
{
    const uint8_t *data = bytes_data(line);
    for (; at < line.size; at++) {
        if (data[at] == quote) {
            at++;
            return at == line.size || is_space(data[at]) ? at : 0;
        }
        const bool escaped = data[at] == '\\' && at + 1 < line.size;
        if (escaped && quote == '"') {
            size_t used;
            buf_append_u8(words, unescape(line, at + 1, &used));
            at += used;
        } else if (escaped && data[at + 1] == '\'') {
            buf_append_u8(words, '\'');
            at++;
        } else {
            buf_append_u8(words, data[at]);
        }
    }
    return 0;
}

/* One word from at on, which is no space; returns the position behind it, 0 for unbalanced quotes.
 * A quote may begin within a word; its end is the word's end. */
static size_t read_word(struct bytes line, size_t at, struct buf *words)
{
    for (; at < line.size; at++) {
        const uint8_t c = bytes_data(line)[at];
        if (c == '"' || c == '\'')
            return read_quoted(line, at + 1, c, words);
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t')
            return at;
        buf_append_u8(words, c);
    }
    return at;
}

static bool split_words(struct resp_reader *r, struct bytes line)
{
    for (size_t at = 0;;) {
        while (at < line.size && is_space(bytes_data(line)[at]))
            at++;
        if (at == line.size)
            return true;
        const size_t start = r->words.size;
        at = read_word(line, at, &r->words);
        if (at == 0)
            return false;
        add_arg(r, start, r->words.size - start);
    }
}

static enum resp_result read_inline(struct resp_reader *r, struct bytes input,
                                    const struct resp_limits *limits, struct resp_request *out)
{
    if (!find_line_end(r, input, '\n')) {
        if (input.size <= limits->inline_max)
            return need_more(out, 1);
        return protocol_error(r, out, BYTES("too big inline request"));
    }
    size_t size = r->scanned;
    r->position = size + 1;
    if (size > 0 && bytes_data(input)[size - 1] == '\r')
        size--;
    buf_reserve(&r->words, size + 1); /* so that there is an address even for empty words */
    if (!split_words(r, bytes_of(input.data, size)))
        return protocol_error(r, out, BYTES("unbalanced quotes in request"));
    return request_done(r, out, buf_data(&r->words));
}

/* Memory that one large request has needed is not kept for the small ones that follow. */
static void forget_last_request(struct resp_reader *r)
{
    if (r->arg_capacity > ARGS_CAPACITY_KEPT) {
        free(r->args);
        r->args = NULL;
        r->arg_capacity = 0;
    }
    if (r->words.capacity > WORDS_CAPACITY_KEPT)
        buf_clear(&r->words);
    buf_reset(&r->words);
}

enum resp_result resp_read_next(struct resp_reader *r, struct bytes input,
                                const struct resp_limits *limits, struct resp_request *out)
{
    *out = (struct resp_request){0};
    if (r->position == 0 && r->scanned == 0)
        forget_last_request(r);
    CHECK(input.size >= r->scanned);
    if (input.size == 0)
        return need_more(out, 1);
    if (bytes_data(input)[0] == '*')
        return read_multibulk(r, input, limits, out);
    return read_inline(r, input, limits, out);
}
