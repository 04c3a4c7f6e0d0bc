#include "context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/x509err.h>

#include "log.h"

/* The contexts by name. The first one owns this; the others belong to this. */
struct names {
    size_t count;
    struct {
        char *name;
        SSL_CTX *context;
    } entry[];
};

static void free_names(void *parent, void *data, CRYPTO_EX_DATA *all, int index, long number, void *argument)
{
    struct names *names = data;
    size_t i;

    (void)parent, (void)all, (void)index, (void)number, (void)argument;
    if (names == NULL)
        return;
    for (i = 0; i < names->count; i++) {
        free(names->entry[i].name);
        /* Of the first one this holds no reference: it could never be freed. */
        if (i > 0)
            SSL_CTX_free(names->entry[i].context);
    }
    free(names);
}

/* The one callback that stage 2 leaves in C: finds the context of the name that the client asks for. */
static int pick_context(SSL *ssl, int *alert, void *argument)
{
    const struct names *names = argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    size_t i;

    if (name == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    for (i = 0; i < names->count; i++) {
        if (strcasecmp(name, names->entry[i].name) != 0)
            continue;
        if (SSL_set_SSL_CTX(ssl, names->entry[i].context) == NULL) {
            *alert = SSL_AD_INTERNAL_ERROR;
            return SSL_TLSEXT_ERR_ALERT_FATAL;
        }
        return SSL_TLSEXT_ERR_OK;
    }
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Whether a file is there, told before OpenSSL tells it in more words. */
static int readable(const char *whose, const char *path)
{
    char reason[REASON_SIZE];
    FILE *file = fopen(path, "r");

    /* A directory opens as a file does. */
    if (file == NULL || (fgetc(file) == EOF && ferror(file))) {
        describe_errno(reason, sizeof(reason), errno);
        log_line("relay: %s: cannot read %s: %s", whose, path, reason);
        if (file != NULL)
            fclose(file);
        return 0;
    }
    fclose(file);
    return 1;
}

/* Who starts the relay need not be there: OpenSSL would ask at the terminal, and wait. */
static int know_no_passphrase(char *passphrase, int size, int writing, void *argument)
{
    (void)passphrase, (void)size, (void)writing, (void)argument;
    return -1;
}

static int refused(const char *whose, const char *what)
{
    char reason[REASON_SIZE];

    describe_root(reason, sizeof(reason));
    log_line("relay: %s: %s: %s", whose, what, reason);
    return 0;
}

/* What both kinds of contexts have in common. */
static int set_up(SSL_CTX *context)
{
    /* Only raised: SSL_CTX_set_min_proto_version would lower what a stricter openssl.cnf has set. */
    if (SSL_CTX_get_min_proto_version(context) < TLS1_2_VERSION
        && !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION))
        return 0;
    /* A cut is no end, whatever openssl.cnf says. */
    SSL_CTX_clear_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    /*
     * A write may take a part, so that a slow peer does not hold back the rest. A write that waits must come again
     * with the same bytes; where they are by then does not matter.
     */
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return 1;
}

static int use_identity(SSL_CTX *context, const struct identity *identity)
{
    char whose[REASON_SIZE];

    snprintf(whose, sizeof(whose), "identity %s", identity->name);
    if (!readable(whose, identity->chain) || !readable(whose, identity->key))
        return 0;
    SSL_CTX_set_default_passwd_cb(context, know_no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(context, identity->chain) != 1)
        return refused(whose, identity->chain);
    if (SSL_CTX_use_PrivateKey_file(context, identity->key, SSL_FILETYPE_PEM) != 1
        || SSL_CTX_check_private_key(context) != 1)
        return refused(whose, identity->key);
    return 1;
}

static SSL_CTX *context_of(const struct identity *identity, const char *alpn)
{
    static const unsigned char sessions[] = "relay";
    SSL_CTX *context;

    ERR_clear_error();
    context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || !set_up(context)) {
        refused("server", "context");
        goto failed;
    }
    /*
     * All contexts share one name for their sessions: a connection begins in the first one, whoever it asks for. So a
     * session that was made with one identity resumes where another is asked for, which OpenSSL does not prevent, and
     * which does no harm here: none of them verifies its clients, and all lead to the same backend.
     */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
    if (SSL_CTX_set_session_id_context(context, sessions, sizeof(sessions) - 1) != 1) {
        refused("server", "session id context");
        goto failed;
    }
    if (!use_identity(context, identity))
        goto failed;
    if (alpn != NULL && !offer_alpn(context, alpn)) {
        refused("server", "ALPN");
        goto failed;
    }
    return context;

failed:
    SSL_CTX_free(context);
    return NULL;
}

static int add_name(struct names *names, const char *name, SSL_CTX *context)
{
    size_t length = strlen(name) + 1;
    char *copy = malloc(length);

    if (copy == NULL)
        return 0;
    memcpy(copy, name, length);
    names->entry[names->count].name = copy;
    names->entry[names->count].context = context;
    names->count++;
    return 1;
}

SSL_CTX *server_context(const struct identity *identities, size_t count, const char *alpn)
{
    static int index = -1;
    struct names *names;
    SSL_CTX *first;
    size_t i;

    if (index < 0)
        index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_names);
    first = context_of(&identities[0], alpn);
    if (first == NULL)
        return NULL;
    names = calloc(1, sizeof(*names) + count * sizeof(names->entry[0]));
    if (names == NULL || index < 0 || SSL_CTX_set_ex_data(first, index, names) != 1) {
        free(names);
        goto failed;
    }
    /* From here on freeing the first context frees everything. */
    if (!add_name(names, identities[0].name, first))
        goto failed;
    for (i = 1; i < count; i++) {
        SSL_CTX *other = context_of(&identities[i], alpn);

        if (other == NULL) {
            SSL_CTX_free(first);
            return NULL;
        }
        if (!add_name(names, identities[i].name, other)) {
            SSL_CTX_free(other);
            goto failed;
        }
    }
    SSL_CTX_set_tlsext_servername_callback(first, pick_context);
    SSL_CTX_set_tlsext_servername_arg(first, names);
    return first;

failed:
    refused("server", "names");
    SSL_CTX_free(first);
    return NULL;
}

SSL_CTX *client_context(const char *ca_file)
{
    SSL_CTX *context;

    if (ca_file != NULL && !readable("backend", ca_file))
        return NULL;
    ERR_clear_error();
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || !set_up(context)) {
        refused("backend", "context");
        goto failed;
    }
    if (ca_file == NULL ? SSL_CTX_set_default_verify_paths(context) != 1
                        : SSL_CTX_load_verify_file(context, ca_file) != 1) {
        unsigned long first = ERR_peek_error();

        if (ERR_GET_LIB(first) == ERR_LIB_X509 && ERR_GET_REASON(first) == X509_R_NO_CERTIFICATE_OR_CRL_FOUND)
            log_line("relay: backend: %s: no certificates in it", ca_file);
        else
            refused("backend", ca_file != NULL ? ca_file : "the system's roots");
        goto failed;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return context;

failed:
    SSL_CTX_free(context);
    return NULL;
}
