#include <string.h>

#include "context.h"

/* Takes the first protocol of ours that the client offers too. */
static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                           const unsigned char *offered, unsigned int offered_length, void *argument)
{
    const char *ours = argument;

    (void)ssl;
    while (*ours != '\0') {
        size_t length = strcspn(ours, ",");
        unsigned int at;

        for (at = 0; at < offered_length; at += 1u + offered[at]) {
            /* OpenSSL has checked that the lengths add up. */
            if (offered[at] == length && memcmp(offered + at + 1, ours, length) == 0) {
                *out = offered + at + 1;
                *out_length = offered[at];
                return SSL_TLSEXT_ERR_OK;
            }
        }
        ours += length + (ours[length] == ',');
    }
    /* A client that offers only others goes on without. */
    return SSL_TLSEXT_ERR_NOACK;
}

int offer_alpn(SSL_CTX *context, const char *alpn)
{
    /* The list is an argument of the program, which outlives every context. */
    SSL_CTX_set_alpn_select_cb(context, select_protocol, (void *)alpn);
    return 1;
}
