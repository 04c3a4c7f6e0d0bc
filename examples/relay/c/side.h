/* One side of a connection: a socket, and the TLS over it where there is any. */
#ifndef RELAY_SIDE_H
#define RELAY_SIDE_H

#include <stddef.h>

#include <openssl/ssl.h>

#include "dial.h"

struct side {
    const char *name; /* for the log */
    unsigned long id; /* for the log */
    int fd;
    SSL *ssl;     /* NULL where the bytes are plain */
    short events; /* what the calls that wait need from the socket */
    int ended;    /* the peer has sent all it had to send */
    int gone;     /* so it has, but without saying so */
    int shut;     /* we have told it that there is no more from us */
    int failed;   /* nothing can be said any more */
};

/* Goes on with a handshake in the role that the object has. What it waits for is added to `events`. */
enum outcome tls_handshake(SSL *ssl, unsigned long id, const char *name, short *events);

/* OUTCOME_DONE: `*length` bytes came. OUTCOME_END: no more will. What failed was said. */
enum outcome side_read(struct side *side, unsigned char *data, size_t size, size_t *length);

/*
 * OUTCOME_DONE: `*length` bytes were taken, perhaps not all. After OUTCOME_WAIT the same bytes must come again: OpenSSL
 * has a record of them already, and anything else would be lost or kill the connection.
 */
enum outcome side_write(struct side *side, const unsigned char *data, size_t size, size_t *length);

/* Tells the peer that there is no more; it may go on sending. */
enum outcome side_shutdown(struct side *side);

/* Closes the socket. A side that was not `shut` is cut: the peer must not take what it got for the whole. */
void side_close(struct side *side);

#endif
