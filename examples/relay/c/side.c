#include "side.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "log.h"

/* What SSL_get_error, the queue and errno say together. Empties the queue. */
static void describe_failure(char *reason, size_t size, const SSL *ssl, int code, int error)
{
    /* The verdict's own entry is the last one, behind what led to it. */
    unsigned long last = ERR_peek_last_error();

    if (ERR_GET_LIB(last) == ERR_LIB_SSL && ERR_GET_REASON(last) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        snprintf(reason, size, "certificate refused: %s",
                 X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
        ERR_clear_error();
    } else if (code == SSL_ERROR_ZERO_RETURN) {
        snprintf(reason, size, "closed by the peer");
        ERR_clear_error();
    } else if (code == SSL_ERROR_SYSCALL && error != 0) {
        describe_errno(reason, size, error);
        ERR_clear_error();
    } else if (!describe_queue(reason, size)) {
        snprintf(reason, size, "no reason given");
    }
}

/* What became of a call that returned `ret` <= 0. errno is still that call's. */
static enum outcome sort(SSL *ssl, int ret, unsigned long id, const char *name, const char *doing, short *events)
{
    char reason[REASON_SIZE];
    int error = errno;
    int code = SSL_get_error(ssl, ret);

    switch (code) {
    case SSL_ERROR_WANT_READ:
        *events |= POLLIN;
        return OUTCOME_WAIT;
    case SSL_ERROR_WANT_WRITE:
        *events |= POLLOUT;
        return OUTCOME_WAIT;
    default:
        describe_failure(reason, sizeof(reason), ssl, code, error);
        log_line("[%lu] %s: %s failed: %s", id, name, doing, reason);
        return OUTCOME_FAILED;
    }
}

/* SSL_get_error reads the queue and errno: what an earlier call left there would be taken for this one's. */
static void prepare(void)
{
    ERR_clear_error();
    errno = 0;
}

enum outcome tls_handshake(SSL *ssl, unsigned long id, const char *name, short *events)
{
    int ret;

    prepare();
    ret = SSL_do_handshake(ssl);
    return ret == 1 ? OUTCOME_DONE : sort(ssl, ret, id, name, "handshake", events);
}

/* A socket's own failure, or that it is not ready. */
static enum outcome plain_failure(struct side *side, short event, const char *doing)
{
    char reason[REASON_SIZE];

    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        side->events |= event;
        return OUTCOME_WAIT;
    }
    describe_errno(reason, sizeof(reason), errno);
    log_line("[%lu] %s: %s failed: %s", side->id, side->name, doing, reason);
    side->failed = 1;
    return OUTCOME_FAILED;
}

static enum outcome ended(struct side *side)
{
    log_line("[%lu] %s: end", side->id, side->name);
    side->ended = 1;
    return OUTCOME_END;
}

/*
 * Whether a peer that was told of our end went away without telling us of its own. Many do; since it has all that it
 * was to get, nothing is lost but its own end.
 */
static int went_away(const struct side *side, int code, int error)
{
    unsigned long first = ERR_peek_error();

    if (!side->shut)
        return 0;
    if (code == SSL_ERROR_SSL)
        return ERR_GET_LIB(first) == ERR_LIB_SSL && ERR_GET_REASON(first) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    return code == SSL_ERROR_SYSCALL && (error == ECONNRESET || error == EPIPE);
}

static enum outcome gone(struct side *side)
{
    ERR_clear_error();
    log_line("[%lu] %s: gone", side->id, side->name);
    side->ended = side->gone = 1;
    return OUTCOME_END;
}

enum outcome side_read(struct side *side, unsigned char *data, size_t size, size_t *length)
{
    enum outcome outcome;
    int ret, code, error;

    if (side->ssl == NULL) {
        ssize_t got = recv(side->fd, data, size, 0);

        if (got > 0) {
            *length = (size_t)got;
            return OUTCOME_DONE;
        }
        if (got == 0)
            return ended(side);
        if (side->shut && errno == ECONNRESET)
            return gone(side);
        return plain_failure(side, POLLIN, "read");
    }
    prepare();
    ret = SSL_read_ex(side->ssl, data, size, length);
    if (ret == 1)
        return OUTCOME_DONE;
    error = errno;
    code = SSL_get_error(side->ssl, ret);
    /* The peer's close_notify. A cut connection is an error, and not an end. */
    if (code == SSL_ERROR_ZERO_RETURN)
        return ended(side);
    if (went_away(side, code, error))
        return gone(side);
    errno = error;
    outcome = sort(side->ssl, ret, side->id, side->name, "read", &side->events);
    side->failed |= outcome == OUTCOME_FAILED;
    return outcome;
}

enum outcome side_write(struct side *side, const unsigned char *data, size_t size, size_t *length)
{
    enum outcome outcome;
    int ret;

    if (side->ssl == NULL) {
        ssize_t put = send(side->fd, data, size, 0);

        if (put < 0)
            return plain_failure(side, POLLOUT, "write");
        *length = (size_t)put;
        return OUTCOME_DONE;
    }
    prepare();
    ret = SSL_write_ex(side->ssl, data, size, length);
    if (ret == 1)
        return OUTCOME_DONE;
    outcome = sort(side->ssl, ret, side->id, side->name, "write", &side->events);
    side->failed |= outcome == OUTCOME_FAILED;
    return outcome;
}

enum outcome side_shutdown(struct side *side)
{
    enum outcome outcome;
    int ret;

    if (side->ssl == NULL) {
        if (shutdown(side->fd, SHUT_WR) != 0)
            return plain_failure(side, POLLOUT, "shutdown");
        side->shut = 1;
        return OUTCOME_DONE;
    }
    prepare();
    ret = SSL_shutdown(side->ssl);
    /* 0 says that ours went out and theirs did not come yet. SSL_get_error must not be asked then. */
    if (ret >= 0) {
        side->shut = 1;
        return OUTCOME_DONE;
    }
    outcome = sort(side->ssl, ret, side->id, side->name, "shutdown", &side->events);
    side->failed |= outcome == OUTCOME_FAILED;
    return outcome;
}

void side_close(struct side *side)
{
    struct linger at_once = {1, 0};

    if (side->ssl != NULL) {
        /* SSL_free takes the session of an object without a close_notify for broken. Only a failed one is. */
        if (!side->failed && SSL_is_init_finished(side->ssl))
            SSL_set_shutdown(side->ssl, SSL_get_shutdown(side->ssl) | SSL_SENT_SHUTDOWN);
        SSL_free(side->ssl);
    } else if (side->fd >= 0 && !side->shut) {
        /* Plain bytes have no close_notify that would be missed: only a reset says that they are not all. */
        setsockopt(side->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    if (side->fd >= 0)
        close(side->fd);
    side->ssl = NULL;
    side->fd = -1;
}
