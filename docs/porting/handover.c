#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

/* In Rust: finishes a handshake over a socket that does not block. 1, or 0 with the reason in the error queue. */
int finish_handshake(SSL *ssl, int fd);

/* C begins the handshake, Rust finishes it, and C reads and writes. */
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
    if ((ret = SSL_connect(ssl)) != 1
        && (SSL_get_error(ssl, ret) != SSL_ERROR_WANT_READ || finish_handshake(ssl, fd) != 1))
        goto end;
    fcntl(fd, F_SETFL, 0);
    if (SSL_write_ex(ssl, request, strlen(request), &n) != 1)
        goto end;
    while ((ret = SSL_read_ex(ssl, out + done, room - done, &n)) == 1)
        done += n;
    if (SSL_get_error(ssl, ret) != SSL_ERROR_ZERO_RETURN)
        goto end;
    SSL_shutdown(ssl);
    answer = (long)done;
end:
    if (answer < 0)
        ERR_print_errors_fp(stderr);
    SSL_free(ssl);
    return answer;
}
