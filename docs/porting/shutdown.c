#include <openssl/err.h>
#include <openssl/ssl.h>

/* Ends our direction of a blocking connection, reads what the peer still sends, and waits for its end.
 * 1 if both ends were clean, 0 if the peer was cut off, -1 if we were. */
int finish(SSL *ssl, size_t *late)
{
    char buffer[4096];
    size_t n;
    int ret;

    *late = 0;
    ERR_clear_error();
    ret = SSL_shutdown(ssl);
    if (ret < 0)
        return -1;
    if (ret == 1)
        return 1; /* the peer was first */
    while ((ret = SSL_read_ex(ssl, buffer, sizeof(buffer), &n)) == 1)
        *late += n;
    return SSL_get_error(ssl, ret) == SSL_ERROR_ZERO_RETURN;
}
