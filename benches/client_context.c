/* What the bench `client_context` counts, in C: a client's context with the system's roots, `count` times.
 *
 *   client_context share|each keep|drop COUNT
 *
 * `share` has one X509_STORE for all contexts, `each` lets every context read its own. */
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static SSL_CTX *client(X509_STORE *roots)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (context == NULL || !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION))
        return NULL;
    if (roots != NULL)
        SSL_CTX_set1_cert_store(context, roots);
    else if (!SSL_CTX_set_default_verify_paths(context))
        return NULL;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return context;
}

int main(int argc, char **argv)
{
    X509_STORE *roots = NULL;
    int share, drop, count, i;

    if (argc != 4)
        return 2;
    share = strcmp(argv[1], "share") == 0;
    drop = strcmp(argv[2], "drop") == 0;
    count = atoi(argv[3]);
    if (count > 0 && share) {
        roots = X509_STORE_new();
        if (roots == NULL || !X509_STORE_set_default_paths(roots))
            return 1;
    }
    for (i = 0; i < count; i++) {
        SSL_CTX *context = client(roots);

        if (context == NULL)
            return 1;
        if (drop)
            SSL_CTX_free(context);
    }
    /* Not at exit, which is not what is counted. */
    fflush(stdout);
    _Exit(0);
}
