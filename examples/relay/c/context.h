/* The contexts: what many connections have in common. */
#ifndef RELAY_CONTEXT_H
#define RELAY_CONTEXT_H

#include <stddef.h>

#include <openssl/ssl.h>

/* Who the relay is to the clients that ask for this name. */
struct identity {
    const char *name;
    const char *chain; /* a PEM file, the relay's own certificate first */
    const char *key;   /* a PEM file */
};

/*
 * The context that accepts clients: the first identity is for those that ask for no name, the others are found by
 * their names. `alpn` lists protocols with commas between them, or is NULL. Returns NULL after it said why.
 */
SSL_CTX *server_context(const struct identity *identities, size_t count, const char *alpn);

/* The context that connects to a backend. `ca_file` is NULL for the system's roots. Returns NULL after it said why. */
SSL_CTX *client_context(const char *ca_file);

/* Lets a server's context take one of these protocols, the preferred one first. Returns 0 where it cannot. (alpn.c) */
int offer_alpn(SSL_CTX *context, const char *alpn);

#endif
