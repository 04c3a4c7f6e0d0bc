#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

/* Sends a request over a connected socket, and reads the answer to its end. Its length, or -1. */
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
    if (SSL_connect(ssl) != 1)
        goto end;
    if (SSL_write_ex(ssl, request, strlen(request), &n) != 1)
        goto end;
    while ((ret = SSL_read_ex(ssl, out + done, room - done, &n)) == 1)
        done += n;
    if (SSL_get_error(ssl, ret) != SSL_ERROR_ZERO_RETURN)
        goto end; /* cut off: what was read is not the whole answer */
    SSL_shutdown(ssl); /* the answer is whole, whatever becomes of our end */
    answer = (long)done;
end:
    if (answer < 0)
        ERR_print_errors_fp(stderr);
    SSL_free(ssl);
    return answer;
}
