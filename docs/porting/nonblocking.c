#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>

/* Waits for what the call that just failed waits for. 0 if it failed for good. */
static int wait_for(SSL *ssl, int fd, int ret)
{
    struct pollfd entry = { fd, 0, 0 };
    int ready;

    switch (SSL_get_error(ssl, ret)) {
    case SSL_ERROR_WANT_READ:
        entry.events = POLLIN;
        break;
    case SSL_ERROR_WANT_WRITE:
        entry.events = POLLOUT;
        break;
    default:
        return 0;
    }
    do
        ready = poll(&entry, 1, -1);
    while (ready < 0 && errno == EINTR);
    return ready == 1;
}

/* As before, over a socket that does not block. */
long fetch(SSL_CTX *ctx, int fd, const char *host, const char *request, char *out, size_t room)
{
    SSL *ssl = SSL_new(ctx);
    size_t n, done = 0;
    long answer = -1;
    int ret;

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1
        || SSL_set_tlsext_host_name(ssl, host) != 1 || SSL_set1_host(ssl, host) != 1)
        goto end;
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    ERR_clear_error();
    while ((ret = SSL_connect(ssl)) != 1)
        if (!wait_for(ssl, fd, ret))
            goto end;
    while ((ret = SSL_write_ex(ssl, request, strlen(request), &n)) != 1)
        if (!wait_for(ssl, fd, ret))
            goto end;
    for (;;) {
        if ((ret = SSL_read_ex(ssl, out + done, room - done, &n)) == 1)
            done += n;
        else if (SSL_get_error(ssl, ret) == SSL_ERROR_ZERO_RETURN)
            break;
        else if (!wait_for(ssl, fd, ret))
            goto end;
    }
    /* The answer is whole, whatever becomes of our end. */
    while ((ret = SSL_shutdown(ssl)) < 0 && wait_for(ssl, fd, ret))
        continue;
    answer = (long)done;
end:
    if (answer < 0)
        ERR_print_errors_fp(stderr);
    SSL_free(ssl);
    return answer;
}
