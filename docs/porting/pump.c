#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>

/* Carries what libssl wrote to the socket, and what the socket has to libssl. 0 at the end of the socket. */
static int pump(BIO *network, int fd)
{
    char *data;
    int n, room;

    while ((n = BIO_nread0(network, &data)) > 0) {
        if ((n = (int)write(fd, data, (size_t)n)) > 0)
            BIO_nread(network, &data, n);
        else if (n == 0 || errno != EINTR)
            return 0;
    }
    if (BIO_get_read_request(network) == 0)
        return 1;
    if ((room = BIO_nwrite0(network, &data)) <= 0)
        return 0;
    do
        n = (int)read(fd, data, (size_t)room);
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        BIO_shutdown_wr(network);
        return 0;
    }
    BIO_nwrite(network, &data, n);
    return 1;
}

/* As before, with all I/O of our own: libssl sees a BIO pair, and not the socket. */
long fetch(SSL_CTX *ctx, int fd, const char *host, const char *request, char *out, size_t room)
{
    SSL *ssl = SSL_new(ctx);
    BIO *internal = NULL, *network = NULL;
    size_t n, done = 0;
    long answer = -1;
    int ret, open = 1;

    if (ssl == NULL || BIO_new_bio_pair(&internal, 0, &network, 0) != 1)
        goto end;
    SSL_set_bio(ssl, internal, internal); /* which frees that half */
    if (SSL_set_tlsext_host_name(ssl, host) != 1 || SSL_set1_host(ssl, host) != 1)
        goto end;
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    ERR_clear_error();
    while ((ret = SSL_connect(ssl)) != 1) {
        if (SSL_get_error(ssl, ret) != SSL_ERROR_WANT_READ || !open)
            goto end;
        open = pump(network, fd);
    }
    while ((ret = SSL_write_ex(ssl, request, strlen(request), &n)) != 1) {
        if (SSL_get_error(ssl, ret) != SSL_ERROR_WANT_WRITE || !open)
            goto end;
        open = pump(network, fd);
    }
    for (;;) {
        if ((ret = SSL_read_ex(ssl, out + done, room - done, &n)) == 1) {
            done += n;
            continue;
        }
        if (SSL_get_error(ssl, ret) == SSL_ERROR_ZERO_RETURN)
            break;
        if (SSL_get_error(ssl, ret) != SSL_ERROR_WANT_READ || !open)
            goto end;
        open = pump(network, fd);
    }
    SSL_shutdown(ssl);
    pump(network, fd);
    answer = (long)done;
end:
    if (answer < 0)
        ERR_print_errors_fp(stderr);
    SSL_free(ssl);
    BIO_free(network);
    return answer;
}
