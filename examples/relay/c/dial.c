#include "dial.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "context.h"
#include "log.h"
#include "side.h" /* tls_handshake */

struct dialer {
    SSL_CTX *context;
    const char *name;
};

struct dialer *dialer_new(const char *ca_file, const char *name)
{
    struct dialer *dialer = calloc(1, sizeof(*dialer));

    if (dialer == NULL) {
        log_line("relay: backend: no memory");
        return NULL;
    }
    dialer->name = name;
    dialer->context = client_context(ca_file);
    if (dialer->context == NULL) {
        free(dialer);
        return NULL;
    }
    return dialer;
}

void dialer_free(struct dialer *dialer)
{
    if (dialer == NULL)
        return;
    SSL_CTX_free(dialer->context);
    free(dialer);
}

/* The name is set twice: for the server to pick its certificate, and for us to check it. */
static int set_name(SSL *ssl, const char *name)
{
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
    /* Or a certificate for f*.example.org would do for foo.example.org. */
    X509_VERIFY_PARAM_set_hostflags(SSL_get0_param(ssl), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), name, 0) && SSL_set_tlsext_host_name(ssl, name);
}

static int set_protocol(SSL *ssl, const unsigned char *protocol, unsigned int length)
{
    unsigned char wire[256];

    if (protocol == NULL)
        return 1;
    /* A name has 255 bytes at most: it came in one byte's worth of length. */
    wire[0] = (unsigned char)length;
    memcpy(wire + 1, protocol, wire[0]);
    /* Here 0 is success. */
    return SSL_set_alpn_protos(ssl, wire, wire[0] + 1u) == 0;
}

SSL *dialer_begin(const struct dialer *dialer, unsigned long id, int fd, const unsigned char *protocol,
                  unsigned int length)
{
    char reason[REASON_SIZE];
    SSL *ssl;

    ERR_clear_error();
    ssl = SSL_new(dialer->context);
    if (ssl == NULL || !set_name(ssl, dialer->name) || !set_protocol(ssl, protocol, length)
        || SSL_set_fd(ssl, fd) != 1) {
        describe_root(reason, sizeof(reason));
        log_line("[%lu] backend: cannot begin: %s", id, reason);
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_connect_state(ssl);
    return ssl;
}

enum outcome dialer_advance(SSL *ssl, unsigned long id, short *events)
{
    return tls_handshake(ssl, id, "backend", events);
}
