#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/err.h>

#include "log.h"
#include "relay.h"

/* How much one connection may do before the others have their turn, in buffers. */
#define TURN 16

int set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* A relay waits for nobody to collect small pieces: they come as their sender meant them. */
static void set_nodelay(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void side_begin(struct side *side, const char *name, unsigned long id)
{
    side->name = name;
    side->id = id;
    side->fd = -1;
}

struct connection *connection_new(const struct relay *relay, int fd, unsigned long id, int64_t now)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    char reason[REASON_SIZE];

    if (connection == NULL) {
        log_line("[%lu] no memory", id);
        close(fd);
        return NULL;
    }
    connection->relay = relay;
    connection->id = id;
    connection->deadline = now + (int64_t)relay->options->timeout * 1000;
    connection->again = 1;
    side_begin(&connection->client, "client", id);
    side_begin(&connection->backend, "backend", id);
    connection->to_backend.from = connection->to_client.to = &connection->client;
    connection->to_client.from = connection->to_backend.to = &connection->backend;

    connection->client.fd = fd;
    set_nodelay(fd);
    ERR_clear_error();
    connection->client.ssl = SSL_new(relay->server);
    if (!set_nonblocking(fd) || connection->client.ssl == NULL || SSL_set_fd(connection->client.ssl, fd) != 1) {
        describe_root(reason, sizeof(reason));
        log_line("[%lu] client: cannot begin: %s", id, reason);
        side_close(&connection->client);
        free(connection);
        return NULL;
    }
    SSL_set_accept_state(connection->client.ssl);
    log_line("[%lu] accepted", id);
    return connection;
}

static void finish(struct connection *connection)
{
    connection->phase = PHASE_OVER;
    side_close(&connection->client);
    side_close(&connection->backend);
}

void connection_cut(struct connection *connection)
{
    log_line("[%lu] cut", connection->id);
    finish(connection);
}

int connection_is_due(const struct connection *connection)
{
    return connection->phase < PHASE_RELAY;
}

void connection_expire(struct connection *connection)
{
    switch (connection->phase) {
    case PHASE_CLIENT:
        log_line("[%lu] client: handshake timed out", connection->id);
        break;
    case PHASE_CONNECT:
        log_line("[%lu] backend: connect timed out", connection->id);
        break;
    default:
        log_line("[%lu] backend: handshake timed out", connection->id);
        break;
    }
    connection_cut(connection);
}

/* The protocol that was agreed on, for a format of "%.*s". */
static const char *protocol_of(const SSL *ssl, int *length)
{
    const unsigned char *protocol;
    unsigned int size;

    SSL_get0_alpn_selected(ssl, &protocol, &size);
    *length = protocol != NULL ? (int)size : 4;
    return protocol != NULL ? (const char *)protocol : "none";
}

static void tell_client(const struct connection *connection)
{
    SSL *ssl = connection->client.ssl;
    /*
     * Only names and protocols of ours come so far: there is nothing in them that could break a line. In TLS 1.2 a
     * session that is resumed brings the name that it was made with.
     */
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    int length;
    const char *protocol = protocol_of(ssl, &length);

    log_line("[%lu] client: %s, %s, name %s, protocol %.*s, %s session", connection->id, SSL_get_version(ssl),
             SSL_get_cipher_name(ssl), name != NULL ? name : "none", length, protocol,
             SSL_session_reused(ssl) ? "resumed" : "new");
}

static void tell_backend(const struct connection *connection)
{
    SSL *ssl = connection->backend.ssl;
    int length;
    const char *protocol;

    if (ssl == NULL) {
        log_line("[%lu] backend: plain", connection->id);
        return;
    }
    protocol = protocol_of(ssl, &length);
    log_line("[%lu] backend: %s, %s, protocol %.*s, verified %s", connection->id, SSL_get_version(ssl),
             SSL_get_cipher_name(ssl), length, protocol, connection->relay->options->backend_name);
}

static enum outcome connect_failed(const struct connection *connection, int error)
{
    char reason[REASON_SIZE];

    describe_errno(reason, sizeof(reason), error);
    log_line("[%lu] backend: connect failed: %s", connection->id, reason);
    return OUTCOME_FAILED;
}

static enum outcome begin_connect(struct connection *connection)
{
    const struct relay *relay = connection->relay;
    struct side *backend = &connection->backend;

    backend->fd = socket(relay->backend.ss_family, SOCK_STREAM, 0);
    if (backend->fd < 0 || !set_nonblocking(backend->fd))
        return connect_failed(connection, errno);
    set_nodelay(backend->fd);
    if (connect(backend->fd, (const struct sockaddr *)&relay->backend, relay->backend_length) == 0)
        return OUTCOME_DONE;
    if (errno != EINPROGRESS && errno != EINTR)
        return connect_failed(connection, errno);
    backend->events |= POLLOUT;
    return OUTCOME_WAIT;
}

static enum outcome finish_connect(struct connection *connection)
{
    struct side *backend = &connection->backend;
    struct pollfd entry = {backend->fd, POLLOUT, 0};
    int error = 0;
    socklen_t length = sizeof(error);

    /* No error yet does not mean that it is done. */
    if (poll(&entry, 1, 0) == 0) {
        backend->events |= POLLOUT;
        return OUTCOME_WAIT;
    }
    if (getsockopt(backend->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        error = errno;
    return error == 0 ? OUTCOME_DONE : connect_failed(connection, error);
}

/* The backend's socket is there: TLS over it, where that is wanted. */
static enum outcome begin_backend(struct connection *connection)
{
    struct side *backend = &connection->backend;
    const unsigned char *protocol;
    unsigned int length;

    if (connection->relay->dialer == NULL)
        return OUTCOME_DONE;
    SSL_get0_alpn_selected(connection->client.ssl, &protocol, &length);
    backend->ssl = dialer_begin(connection->relay->dialer, connection->id, backend->fd, protocol, length);
    return backend->ssl != NULL ? OUTCOME_DONE : OUTCOME_FAILED;
}

/* One direction, until it waits, is over, or has had its turn. */
static enum outcome pump(struct pipe *pipe)
{
    enum outcome outcome;
    int turn;

    for (turn = 0; turn < TURN; turn++) {
        size_t length;

        /* Only an empty buffer is filled: so a write that waits comes again as it was. */
        while (pipe->start < pipe->end) {
            outcome = side_write(pipe->to, pipe->data + pipe->start, pipe->end - pipe->start, &length);
            if (outcome != OUTCOME_DONE)
                return outcome;
            pipe->start += length;
            pipe->total += length;
        }
        if (pipe->from->ended) {
            /* The end goes on only as what it was. */
            if (!pipe->to->shut && !pipe->from->gone) {
                outcome = side_shutdown(pipe->to);
                if (outcome != OUTCOME_DONE)
                    return outcome;
            }
            return OUTCOME_END;
        }
        outcome = side_read(pipe->from, pipe->data, sizeof(pipe->data), &length);
        if (outcome == OUTCOME_DONE) {
            pipe->start = 0;
            pipe->end = length;
        } else if (outcome != OUTCOME_END) {
            return outcome;
        }
    }
    return OUTCOME_MORE;
}

static enum outcome relay_both(struct connection *connection)
{
    enum outcome there = pump(&connection->to_backend), back;

    if (there == OUTCOME_FAILED)
        return there;
    back = pump(&connection->to_client);
    if (back == OUTCOME_FAILED)
        return back;
    /* The second direction may have let the first one go on: a peer is `gone` only once it was told of our end. */
    connection->again = there == OUTCOME_MORE || back == OUTCOME_MORE;
    if (there != OUTCOME_END || back != OUTCOME_END)
        return OUTCOME_WAIT;
    log_line("[%lu] closed: %llu bytes to the backend, %llu to the client", connection->id,
             (unsigned long long)connection->to_backend.total, (unsigned long long)connection->to_client.total);
    return OUTCOME_END;
}

static enum outcome step(struct connection *connection)
{
    struct side *client = &connection->client, *backend = &connection->backend;
    enum outcome outcome;

    switch (connection->phase) {
    case PHASE_CLIENT:
        outcome = tls_handshake(client->ssl, connection->id, client->name, &client->events);
        client->failed |= outcome == OUTCOME_FAILED;
        if (outcome != OUTCOME_DONE)
            return outcome;
        tell_client(connection);
        connection->phase = PHASE_CONNECT;
        outcome = begin_connect(connection);
        break;
    case PHASE_CONNECT:
        outcome = finish_connect(connection);
        break;
    case PHASE_BACKEND:
        if (backend->ssl != NULL) {
            outcome = dialer_advance(backend->ssl, connection->id, &backend->events);
            backend->failed |= outcome == OUTCOME_FAILED;
            if (outcome != OUTCOME_DONE)
                return outcome;
        }
        tell_backend(connection);
        connection->phase = PHASE_RELAY;
        return OUTCOME_DONE;
    case PHASE_RELAY:
        return relay_both(connection);
    default:
        return OUTCOME_END;
    }
    if (outcome != OUTCOME_DONE)
        return outcome;
    connection->phase = PHASE_BACKEND;
    return begin_backend(connection);
}

void connection_advance(struct connection *connection)
{
    enum outcome outcome;

    connection->again = 0;
    connection->client.events = connection->backend.events = 0;
    do {
        outcome = step(connection);
    } while (outcome == OUTCOME_DONE);
    if (outcome == OUTCOME_FAILED)
        connection_cut(connection);
    else if (outcome == OUTCOME_END)
        finish(connection);
}
