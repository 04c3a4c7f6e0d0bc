#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "relay.h"

/* How long to leave the listener alone when the system has nothing to accept with, in milliseconds. */
#define REST 100

struct loop {
    const struct relay *relay;
    struct connection *first, **last;
    size_t open;
    unsigned long accepted;
    int64_t rest_until;
    struct pollfd *entries; /* the signals, the listener, and each side that waits */
    size_t count, room;
};

static int signal_pipe[2] = {-1, -1};

static void on_signal(int number)
{
    int error = errno;

    (void)number;
    /* A full pipe has woken the loop already. */
    if (write(signal_pipe[1], "", 1) < 0)
        errno = error;
    errno = error;
}

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int failed(const char *what)
{
    char reason[REASON_SIZE];

    describe_errno(reason, sizeof(reason), errno);
    log_line("relay: %s failed: %s", what, reason);
    return EXIT_LOOP;
}

int loop_catch_signals(void)
{
    struct sigaction action = {0};

    action.sa_handler = on_signal;
    if (pipe(signal_pipe) == 0 && set_nonblocking(signal_pipe[0]) && set_nonblocking(signal_pipe[1])
        && sigaction(SIGTERM, &action, NULL) == 0 && sigaction(SIGINT, &action, NULL) == 0)
        return 1;
    failed("sigaction");
    return 0;
}

static int is_accepting(const struct loop *loop)
{
    unsigned long once = loop->relay->options->once;

    return once == 0 || loop->accepted < once;
}

static void accept_all(struct loop *loop)
{
    char reason[REASON_SIZE];

    while (is_accepting(loop)) {
        int fd = accept(loop->relay->listener, NULL, NULL);
        struct connection *connection;

        if (fd < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                return;
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            describe_errno(reason, sizeof(reason), errno);
            log_line("relay: accept failed: %s", reason);
            loop->rest_until = now() + REST;
            return;
        }
        connection = connection_new(loop->relay, fd, ++loop->accepted, now());
        if (connection == NULL)
            continue;
        *loop->last = connection;
        loop->last = &connection->next;
        loop->open++;
    }
}

/*
 * Whether a side has an entry. Without events poll would still tell of a peer that is gone, again and again; and it
 * fails where there are more entries than descriptors may be open, those that it leaves out included.
 */
static int waits(const struct side *side)
{
    return side->events != 0;
}

/* Fills the entries, and returns how long poll may wait. */
static int prepare(struct loop *loop)
{
    struct pollfd *entry = loop->entries;
    struct connection *connection;
    int64_t time = now(), until = INT64_MAX;

    *entry++ = (struct pollfd){signal_pipe[0], POLLIN, 0};
    *entry++ = (struct pollfd){loop->relay->listener, POLLIN, 0};
    /* poll leaves out what is negative. */
    if (!is_accepting(loop))
        entry[-1].fd = -1;
    if (time < loop->rest_until) {
        entry[-1].fd = -1;
        until = loop->rest_until;
    }
    for (connection = loop->first; connection != NULL; connection = connection->next) {
        const struct side *sides[2] = {&connection->client, &connection->backend};
        int i;

        for (i = 0; i < 2; i++)
            if (waits(sides[i]))
                *entry++ = (struct pollfd){sides[i]->fd, sides[i]->events, 0};
        if (connection->again)
            until = time;
        if (connection_is_due(connection) && connection->deadline < until)
            until = connection->deadline;
    }
    loop->count = (size_t)(entry - loop->entries);
    if (until == INT64_MAX)
        return -1;
    return until <= time ? 0 : until - time > 1000000 ? 1000000 : (int)(until - time);
}

/* What poll found for a side. Goes on to the next entry where this one is the side's. */
static int is_ready(const struct side *side, const struct pollfd **entry)
{
    return waits(side) && (*entry)++->revents != 0;
}

static void advance_all(struct loop *loop)
{
    const struct pollfd *entry = loop->entries + 2;
    struct connection **link = &loop->first;
    int64_t time = now();

    while (*link != NULL) {
        struct connection *connection = *link;
        int client = is_ready(&connection->client, &entry), backend = is_ready(&connection->backend, &entry);

        if (connection->again || client || backend)
            connection_advance(connection);
        if (connection->phase != PHASE_OVER && connection_is_due(connection) && time >= connection->deadline)
            connection_expire(connection);
        if (connection->phase != PHASE_OVER) {
            link = &connection->next;
            continue;
        }
        *link = connection->next;
        free(connection);
        loop->open--;
    }
    loop->last = link;
}

static void cut_all(struct loop *loop)
{
    while (loop->first != NULL) {
        struct connection *connection = loop->first;

        loop->first = connection->next;
        connection_cut(connection);
        free(connection);
    }
}

static int make_room(struct loop *loop)
{
    size_t needed = 2 + 2 * loop->open;
    struct pollfd *entries;

    if (needed <= loop->room)
        return 1;
    entries = realloc(loop->entries, 2 * needed * sizeof(*entries));
    if (entries == NULL)
        return 0;
    loop->entries = entries;
    loop->room = 2 * needed;
    return 1;
}

static int serve(struct loop *loop)
{
    for (;;) {
        int timeout;

        if (!is_accepting(loop) && loop->open == 0) {
            log_line("relay: served %lu", loop->accepted);
            return EXIT_CLEAN;
        }
        if (!make_room(loop))
            return failed("realloc");
        timeout = prepare(loop);
        if (poll(loop->entries, loop->count, timeout) < 0) {
            if (errno != EINTR)
                return failed("poll");
            continue;
        }
        if (loop->entries[0].revents != 0) {
            /* What was relayed so far is not all: nobody is told that it were. */
            log_line("relay: terminated, %zu open", loop->open);
            return EXIT_CLEAN;
        }
        advance_all(loop);
        if (loop->entries[1].revents != 0)
            accept_all(loop);
    }
}

int loop_run(const struct relay *relay)
{
    struct loop loop = {0};
    int code;

    loop.relay = relay;
    loop.last = &loop.first;
    code = serve(&loop);
    cut_all(&loop);
    free(loop.entries);
    return code;
}
