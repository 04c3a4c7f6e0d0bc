#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

/* What became of SSL_connect, in one line. It must be the first thing that is called after it, on the same thread. */
void tell(SSL *ssl, int ret, char *out, size_t room)
{
    int saved = errno;
    unsigned long first;

    switch (SSL_get_error(ssl, ret)) {
    case SSL_ERROR_NONE:
        snprintf(out, room, "connected");
        return;
    case SSL_ERROR_WANT_READ:
        snprintf(out, room, "wants to read");
        return;
    case SSL_ERROR_WANT_WRITE:
        snprintf(out, room, "wants to write");
        return;
    case SSL_ERROR_ZERO_RETURN:
        snprintf(out, room, "closed");
        return;
    case SSL_ERROR_SYSCALL:
        if (ERR_peek_error() == 0) {
            snprintf(out, room, saved == 0 ? "cut" : "system: %s", strerror(saved));
            return;
        }
        break;
    default:
        break;
    }
    first = ERR_peek_error();
    if (ERR_GET_LIB(first) == ERR_LIB_SSL && ERR_GET_REASON(first) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        snprintf(out, room, "cut");
    else if (ERR_GET_LIB(first) == ERR_LIB_SSL && ERR_GET_REASON(first) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        snprintf(out, room, "refused: %s (%ld)", X509_verify_cert_error_string(SSL_get_verify_result(ssl)),
                 SSL_get_verify_result(ssl));
    else if (ERR_GET_LIB(first) == ERR_LIB_SSL && ERR_GET_REASON(first) > SSL_AD_REASON_OFFSET)
        snprintf(out, room, "alert %d", ERR_GET_REASON(first) - SSL_AD_REASON_OFFSET);
    else
        snprintf(out, room, "failed: %s", ERR_reason_error_string(first));
    ERR_clear_error();
}
