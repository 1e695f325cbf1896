// A loopback upstream that is cheap enough not to be measured: one thread, epoll, answers that
// were written beforehand.
//
// usage: mock PORT PACE_US DIRECTORY
//
// A path that ends in chat/completions, messages or responses answers with DIRECTORY/NAME.json,
// or, where the body asks for a stream, with the events of DIRECTORY/NAME.sse: back to back, one
// write for each, or, for a model whose name ends in "-pace", one token every PACE_US. The text of
// each paced token (a run of zeros between two @) becomes the time at which it was written, so that
// the reader knows how late it came. `GET /last` tells the path that was asked for last.
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

enum { STAMP = 20, MAX_EVENTS = 1024, PROTOCOLS = 3 };

typedef struct {
    char *bytes;
    size_t length, capacity;
} Buffer;

typedef struct {
    Buffer events[MAX_EVENTS]; // each one chunk of a chunked body
    int count;
} Script;

typedef struct {
    const char *name, *path;
    Buffer document;
    Script stream, paced;
} Protocol;

typedef struct Connection {
    int fd, closed, writing, step;
    Buffer in, out;
    size_t sent;
    const Script *script; // of a paced answer that is not finished
    long due;
    struct Connection *next;
} Connection;

static Protocol protocols[PROTOCOLS] = {
    {.name = "chat", .path = "/chat/completions"},
    {.name = "messages", .path = "/messages"},
    {.name = "responses", .path = "/responses"},
};
static Connection *first_due, *last_due; // paced answers; all wait equally long, so in order
static Buffer models;
static char last_path[256];
static long pace_ns;
static int poll_fd;

static const char STREAM_HEAD[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                  "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char STREAM_END[] = "0\r\n\r\n";

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void append(Buffer *buffer, const char *bytes, size_t length) {
    if (buffer->length + length + 1 > buffer->capacity) {
        buffer->capacity = (buffer->length + length + 1) * 2;
        buffer->bytes = realloc(buffer->bytes, buffer->capacity);
        if (!buffer->bytes) fail("realloc");
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    buffer->bytes[buffer->length] = 0;
}

// Answers ---------------------------------------------------------------------------------------

static Buffer read_file(const char *directory, const char *name, const char *suffix) {
    char path[4096], piece[65536];
    Buffer content = {0};
    size_t got;
    snprintf(path, sizeof path, "%s/%s.%s", directory, name, suffix);
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    while ((got = fread(piece, 1, sizeof piece, file)) > 0) append(&content, piece, got);
    fclose(file);
    return content;
}

static Buffer whole(Buffer body) {
    char head[128];
    Buffer answer = {0};
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                          "Content-Length: %zu\r\n\r\n", body.length);
    append(&answer, head, length);
    append(&answer, body.bytes, body.length);
    return answer;
}

static void cut(Script *script, Buffer text) {
    char *from = text.bytes, *end;
    while ((end = strstr(from, "\n\n")) && script->count < MAX_EVENTS) {
        char size[32];
        Buffer *event = &script->events[script->count++];
        end += 2;
        append(event, size, sprintf(size, "%zx\r\n", (size_t)(end - from)));
        append(event, from, end - from);
        append(event, "\r\n", 2);
        from = end;
    }
}

static void load(const char *directory) {
    for (Protocol *p = protocols; p < protocols + PROTOCOLS; p++) {
        p->document = whole(read_file(directory, p->name, "json"));
        cut(&p->stream, read_file(directory, p->name, "sse"));
        cut(&p->paced, read_file(directory, p->name, "paced.sse"));
    }
    models = whole(read_file(directory, "models", "json"));
}

// Connections -----------------------------------------------------------------------------------

static void want_to_write(Connection *c, int writing) {
    if (c->writing == writing) return;
    c->writing = writing;
    struct epoll_event e = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

static void put(Connection *c, const char *bytes, size_t length) {
    if (c->closed) return;
    if (c->out.length == c->sent) {
        ssize_t sent = send(c->fd, bytes, length, MSG_NOSIGNAL);
        if (sent == (ssize_t)length) return;
        if (sent < 0 && errno != EAGAIN) return;
        if (sent < 0) sent = 0;
        c->out.length = c->sent = 0;
        bytes += sent;
        length -= sent;
    }
    append(&c->out, bytes, length);
    want_to_write(c, 1);
}

static void flush(Connection *c) {
    ssize_t sent = send(c->fd, c->out.bytes + c->sent, c->out.length - c->sent, MSG_NOSIGNAL);
    if (sent > 0) c->sent += sent;
    if (c->sent == c->out.length) {
        c->out.length = c->sent = 0;
        want_to_write(c, 0);
    }
}

static void release(Connection *c) {
    free(c->in.bytes);
    free(c->out.bytes);
    free(c);
}

static void wait_for_pace(Connection *c) {
    c->due += pace_ns;
    c->next = NULL;
    if (last_due) last_due->next = c;
    else first_due = c;
    last_due = c;
}

// Writes up to and with the next token, and everything that is left once no token is.
static void play_paced(Connection *c) {
    while (c->step < c->script->count) {
        const Buffer *event = &c->script->events[c->step++];
        char *mark = memchr(event->bytes, '@', event->length);
        if (mark) {
            char stamp[STAMP + 1];
            snprintf(stamp, sizeof stamp, "%0*ld", STAMP, now_ns());
            memcpy(mark + 1, stamp, STAMP);
        }
        put(c, event->bytes, event->length);
        if (mark) {
            wait_for_pace(c);
            return;
        }
    }
    put(c, STREAM_END, sizeof STREAM_END - 1);
    c->script = NULL;
}

static void play(Connection *c, const Script *script) {
    for (int i = 0; i < script->count; i++)
        put(c, script->events[i].bytes, script->events[i].length);
    put(c, STREAM_END, sizeof STREAM_END - 1);
}

static int contains(const char *bytes, size_t length, const char *word) {
    return memmem(bytes, length, word, strlen(word)) != NULL;
}

static void answer_get(Connection *c) {
    if (!contains(c->in.bytes, strcspn(c->in.bytes, "\r"), "/last")) {
        put(c, models.bytes, models.length);
        return;
    }
    char quoted[300];
    Buffer body = {0};
    append(&body, quoted, snprintf(quoted, sizeof quoted, "\"%s\"", last_path));
    Buffer answer = whole(body);
    put(c, answer.bytes, answer.length);
    free(answer.bytes);
    free(body.bytes);
}

static void answer(Connection *c, const char *head, const char *body, size_t length) {
    if (!strncmp(head, "GET ", 4)) {
        answer_get(c);
        return;
    }
    sscanf(head, "%*s %255s", last_path);
    for (Protocol *p = protocols; p < protocols + PROTOCOLS; p++) {
        if (!strstr(last_path, p->path)) continue;
        if (!contains(body, length, "\"stream\":true") && !contains(body, length, "\"stream\": true")) {
            put(c, p->document.bytes, p->document.length);
            return;
        }
        put(c, STREAM_HEAD, sizeof STREAM_HEAD - 1);
        if (contains(body, length, "-pace\"")) {
            c->script = &p->paced;
            c->step = 0;
            c->due = now_ns();
            play_paced(c);
        } else {
            play(c, &p->stream);
        }
        return;
    }
    static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    put(c, missing, sizeof missing - 1);
}

// The length of a chunked body that is whole, its chunks moved together; -1 where it is not whole.
static long unchunk(char *body, char *end, size_t *used) {
    char *to = body, *from = body;
    for (;;) {
        char *line = memmem(from, end - from, "\r\n", 2);
        if (!line) return -1;
        size_t size = strtoul(from, NULL, 16);
        if (line + 2 + size + 2 > end) return -1;
        memmove(to, line + 2, size);
        to += size;
        from = line + 2 + size + 2;
        if (!size) break;
    }
    *used = from - body;
    return to - body;
}

static int is_whole(char *body, char *end, int chunked, size_t announced) {
    if (!chunked) return (size_t)(end - body) >= announced;
    return end - body >= 5 && !memcmp(end - 5, STREAM_END, 5);
}

static void take_requests(Connection *c) {
    while (c->in.length) {
        char *start = c->in.bytes, *end = start + c->in.length;
        char *body = strstr(start, "\r\n\r\n");
        if (!body) return;
        int chunked = 0;
        size_t length = 0, used;
        for (char *line = start; line < body; line = strchr(line, '\n') + 1) {
            if (!strncasecmp(line, "content-length:", 15)) length = strtoul(line + 15, NULL, 10);
            if (!strncasecmp(line, "transfer-encoding: chunked", 26)) chunked = 1;
        }
        body += 4;
        if (!is_whole(body, end, chunked, length)) return;
        used = length;
        if (chunked) length = unchunk(body, end, &used);
        answer(c, start, body, length);
        used += body - start;
        memmove(start, start + used, c->in.length - used + 1);
        c->in.length -= used;
    }
}

static void receive(Connection *c) {
    static char piece[1 << 18];
    ssize_t got = recv(c->fd, piece, sizeof piece, 0);
    if (got > 0) {
        append(&c->in, piece, got);
        take_requests(c);
    } else if (got == 0 || errno != EAGAIN) {
        close(c->fd);
        c->closed = 1;
        if (!c->script) release(c); // else its turn comes, and finds it closed
    }
}

static void welcome(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        Connection *c = calloc(1, sizeof *c);
        if (!c) fail("calloc");
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e);
    }
}

static void play_what_is_due(void) {
    long now = now_ns();
    while (first_due && first_due->due <= now) {
        Connection *c = first_due;
        first_due = c->next;
        if (!first_due) last_due = NULL;
        if (c->closed) release(c);
        else play_paced(c);
    }
}

static int patience_ms(void) {
    if (!first_due) return -1;
    long left = first_due->due - now_ns();
    return left <= 0 ? 0 : (int)((left + 999999) / 1000000);
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 1024)) fail("listen");
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: mock PORT PACE_US DIRECTORY\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    pace_ns = atol(argv[2]) * 1000;
    load(argv[3]);
    poll_fd = epoll_create1(0);
    int listener = listen_on(atoi(argv[1]));
    struct epoll_event e = {.events = EPOLLIN}, ready[256];
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int count = epoll_wait(poll_fd, ready, 256, patience_ms());
        for (int i = 0; i < count; i++) {
            Connection *c = ready[i].data.ptr;
            if (!c) {
                welcome(listener);
                continue;
            }
            if (ready[i].events & EPOLLOUT) flush(c);
            if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(c);
        }
        play_what_is_due();
    }
}
