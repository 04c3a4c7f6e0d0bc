#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* Takes the context of the other host where the client asks for it. */
static int choose(SSL *ssl, int *alert, void *other)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    if (name == NULL || strcasecmp(name, "other.example") != 0)
        return SSL_TLSEXT_ERR_OK;
    SSL_set_SSL_CTX(ssl, other);
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *host(const char *chain, const char *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1
        || SSL_CTX_use_certificate_chain_file(ctx, chain) != 1
        || SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1
        || SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"guide", 5) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(ctx, 1000);
    SSL_CTX_set_timeout(ctx, 600);
    return ctx;
}

/* Greets so many clients, one after the other. How many of them resumed a session, or -1. */
int serve(int listener, int clients, const char *chain, const char *key, const char *other_chain, const char *other_key)
{
    SSL_CTX *other = host(other_chain, other_key), *front = host(chain, key);
    int resumed = -1;

    if (other == NULL || front == NULL)
        goto end;
    SSL_CTX_set_tlsext_servername_callback(front, choose);
    SSL_CTX_set_tlsext_servername_arg(front, other);
    for (resumed = 0; clients > 0; clients--) {
        int fd = accept(listener, NULL, NULL);
        SSL *ssl = SSL_new(front);
        size_t n;

        if (fd < 0 || ssl == NULL || SSL_set_fd(ssl, fd) != 1)
            goto next;
        if (SSL_accept(ssl) != 1 || SSL_write_ex(ssl, "hello\n", 6, &n) != 1) {
            ERR_print_errors_fp(stderr);
            goto next;
        }
        resumed += SSL_session_reused(ssl);
        SSL_shutdown(ssl);
    next:
        SSL_free(ssl);
        if (fd >= 0)
            close(fd);
    }
end:
    if (resumed < 0)
        ERR_print_errors_fp(stderr);
    SSL_CTX_free(front);
    SSL_CTX_free(other);
    return resumed;
}
