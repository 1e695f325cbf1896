// A closed-loop load generator that understands event streams: one thread, epoll.
//
// usage: load PORT REQUEST CONNECTIONS WARMUP_S SECONDS EVENTS
//
// Every connection sends the bytes of the file REQUEST, reads the answer and sends again; they
// begin one after another over the warm-up, since clients do not come all at once. An answer is good when its status is 200 and, where EVENTS is not 0, it is an event stream with at
// least so many events. What begins before the window (of SECONDS, after WARMUP_S) is over is
// waited for, so that the work of all `requests` is done when the program ends. Prints one line
// of JSON; times are in microseconds. `token` is how late the text of a paced token came.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DRAIN_S = 20, HEAD = 16384, LINE = 65536 };

typedef struct {
    unsigned *tenths; // of a microsecond
    size_t count, capacity;
} Times;

typedef struct {
    int fd, busy, in_body, status, chunked, streamed, closing;
    long begun, first, left, events;
    char head[HEAD], line[LINE]; // of a stream, or the beginning of an error's body
    size_t head_length, line_length;
    enum { SIZE, DATA, AFTER_DATA, TRAILER } chunk;
    long chunk_left;
} Connection;

static int poll_fd, port, wanted_events, measuring, ending, busy;
static char *request;
static Connection *connections;
static int connection_count;
static size_t request_length;
static Times latency, first_event, token;
static long window_begin, requests, finished, errors, events;
static char error_text[400];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

// Statistics ------------------------------------------------------------------------------------

static void record(Times *times, long ns) {
    if (times->count == times->capacity) {
        times->capacity = times->capacity ? times->capacity * 2 : 4096;
        times->tenths = realloc(times->tenths, times->capacity * sizeof *times->tenths);
        if (!times->tenths) fail("realloc");
    }
    times->tenths[times->count++] = ns < 0 ? 0 : (unsigned)(ns / 100);
}

static int ascending(const void *a, const void *b) {
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return x < y ? -1 : x > y;
}

static void print_times(const char *name, Times *times) {
    if (!times->count) return;
    qsort(times->tenths, times->count, sizeof *times->tenths, ascending);
    printf("\"%s_p50\": %.1f, \"%s_p99\": %.1f, ", name, times->tenths[times->count / 2] / 10.0,
           name, times->tenths[(size_t)(times->count * 0.99)] / 10.0);
}

static void print_result(double seconds) {
    for (char *c = error_text; *c; c++)
        if (*c == '"' || *c == '\\' || *c < 32) *c = ' ';
    printf("{");
    print_times("latency", &latency);
    print_times("first", &first_event);
    print_times("token", &token);
    printf("\"requests\": %ld, \"rate\": %.2f, \"event_rate\": %.1f, \"errors\": %ld, "
           "\"unfinished\": %d, \"error\": \"%s\"}\n",
           requests, finished / seconds, events / seconds, errors, busy, error_text);
}

// Connections -----------------------------------------------------------------------------------

static void dial(Connection *c) {
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &e);
}

static void redial(Connection *c) {
    close(c->fd);
    dial(c);
}

static void begin(Connection *c) {
    if (ending) return;
    c->in_body = c->status = c->chunked = c->streamed = c->closing = 0;
    c->head_length = c->line_length = c->chunk_left = c->first = c->events = 0;
    c->chunk = SIZE;
    c->left = -1;
    c->busy = 1;
    busy++;
    requests++;
    c->begun = now_ns();
    for (size_t sent = 0; sent < request_length;) {
        ssize_t n = send(c->fd, request + sent, request_length - sent, MSG_NOSIGNAL);
        if (n <= 0) break; // the reader finds the connection closed, and counts it
        sent += n;
    }
}

static void note(const char *what, Connection *c) {
    errors++;
    if (error_text[0]) return;
    c->line[c->line_length] = 0;
    snprintf(error_text, sizeof error_text, "%s; status %d, %ld events: %.300s", what, c->status,
             c->events, c->streamed ? "" : c->line);
}

static void finish(Connection *c) {
    long now = now_ns();
    busy--;
    c->busy = 0;
    if (c->status != 200) {
        note("refused", c);
    } else if (wanted_events && (!c->streamed || c->events < wanted_events)) {
        note("too short", c);
    } else if (measuring) {
        finished++;
        record(&latency, now - c->begun);
        if (c->first) record(&first_event, c->first - c->begun);
    }
    if (c->closing) redial(c);
    begin(c);
}

static void cut_off(Connection *c) {
    int until_close = c->busy && c->in_body && !c->chunked && c->left < 0;
    if (until_close) {
        c->closing = 1;
        finish(c);
        return;
    }
    if (c->busy) {
        note("the connection ended", c);
        busy--;
        c->busy = 0;
    }
    redial(c);
    begin(c);
}

// Answers ---------------------------------------------------------------------------------------

static void take_line(Connection *c) {
    if (c->line_length < 5 || memcmp(c->line, "data:", 5)) return;
    c->events++;
    if (!c->first) c->first = now_ns();
    if (!measuring) return;
    events++;
    char *mark = memchr(c->line, '@', c->line_length);
    if (!mark) return;
    c->line[c->line_length] = 0;
    long written = strtol(mark + 1, NULL, 10);
    if (written > window_begin) record(&token, now_ns() - written);
}

static void take(Connection *c, const char *bytes, long length) {
    while (length > 0) {
        const char *end = c->streamed ? memchr(bytes, '\n', length) : NULL;
        long size = end ? end - bytes : length, room = LINE - 1 - (long)c->line_length;
        long kept = size < room ? size : room;
        memcpy(c->line + c->line_length, bytes, kept);
        c->line_length += kept;
        if (!end) return;
        take_line(c);
        c->line_length = 0;
        bytes = end + 1;
        length -= size + 1;
    }
}

static int hex(char c) {
    return c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

// Reads chunks; true once the last has gone by.
static int take_chunked(Connection *c, const char *bytes, long length) {
    while (length > 0) {
        if (c->chunk == DATA) {
            long size = length < c->chunk_left ? length : c->chunk_left;
            take(c, bytes, size);
            bytes += size;
            length -= size;
            c->chunk_left -= size;
            if (!c->chunk_left) c->chunk = AFTER_DATA;
            continue;
        }
        char byte = *bytes++;
        length--;
        if (byte == '\n' && c->chunk == TRAILER) return 1;
        if (byte == '\n' && c->chunk == SIZE) c->chunk = c->chunk_left ? DATA : TRAILER;
        else if (byte == '\n') c->chunk = SIZE;
        else if (byte != '\r' && c->chunk == SIZE) c->chunk_left = c->chunk_left * 16 + hex(byte);
    }
    return 0;
}

static int take_body(Connection *c, const char *bytes, long length) {
    if (c->chunked) return take_chunked(c, bytes, length);
    if (c->left >= 0 && length > c->left) length = c->left;
    take(c, bytes, length);
    if (c->left < 0) return 0;
    c->left -= length;
    return c->left == 0;
}

static void read_head(Connection *c, const char *end) {
    c->status = atoi(c->head + 9);
    for (char *line = c->head; line < end; line = strchr(line, '\n') + 1) {
        if (!strncasecmp(line, "content-length:", 15)) c->left = atol(line + 15);
        if (!strncasecmp(line, "transfer-encoding: chunked", 26)) c->chunked = 1;
        if (!strncasecmp(line, "content-type: text/event-stream", 31)) c->streamed = 1;
        if (!strncasecmp(line, "connection: close", 17)) c->closing = 1;
    }
    c->in_body = 1;
}

// The bytes of `piece` that belong to the head; -1 where the head goes on.
static long take_head(Connection *c, const char *piece, long length) {
    size_t before = c->head_length, room = HEAD - 1 - before;
    size_t kept = (size_t)length < room ? (size_t)length : room;
    memcpy(c->head + before, piece, kept);
    c->head_length += kept;
    c->head[c->head_length] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) return -1;
    read_head(c, end);
    return end + 4 - c->head - before;
}

static void receive(Connection *c) {
    static char piece[1 << 18];
    ssize_t got = recv(c->fd, piece, sizeof piece, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        cut_off(c);
        return;
    }
    long used = 0;
    if (!c->in_body) {
        used = take_head(c, piece, got);
        if (used < 0) return;
    }
    if (take_body(c, piece + used, got - used) || c->left == 0) finish(c);
}

// The run ---------------------------------------------------------------------------------------

static void read_request(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    fseek(file, 0, SEEK_END);
    request_length = ftell(file);
    rewind(file);
    request = malloc(request_length);
    if (fread(request, 1, request_length, file) != request_length) fail(path);
    fclose(file);
}

static void begin_those_due(long from, long to) {
    static int begun;
    for (; begun < connection_count; begun++) {
        if (now_ns() < from + (to - from) * begun / connection_count) return;
        begin(&connections[begun]);
    }
}

static void run(long from, long begin_ns, long end_ns) {
    struct epoll_event ready[256];
    for (;;) {
        int count = epoll_wait(poll_fd, ready, 256, measuring ? 20 : 1);
        long now = now_ns();
        if (now >= end_ns || (ending && !busy)) return;
        begin_those_due(from, begin_ns);
        if (!measuring && !ending && now >= begin_ns) {
            measuring = 1;
            window_begin = now;
        }
        for (int i = 0; i < count; i++) receive(ready[i].data.ptr);
    }
}

int main(int argc, char **argv) {
    if (argc != 7) {
        fprintf(stderr, "usage: load PORT REQUEST CONNECTIONS WARMUP_S SECONDS EVENTS\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    port = atoi(argv[1]);
    read_request(argv[2]);
    connection_count = atoi(argv[3]);
    wanted_events = atoi(argv[6]);
    poll_fd = epoll_create1(0);
    connections = calloc(connection_count, sizeof *connections);
    if (!connections) fail("calloc");
    for (int i = 0; i < connection_count; i++) dial(&connections[i]);
    long from = now_ns(), begin_ns = from + (long)(atof(argv[4]) * 1e9);
    run(from, begin_ns, begin_ns + (long)(atof(argv[5]) * 1e9));
    double seconds = (now_ns() - window_begin) / 1e9;
    measuring = 0;
    ending = 1;
    run(0, 0, now_ns() + DRAIN_S * 1000000000L);
    print_result(seconds);
    return 0;
}
