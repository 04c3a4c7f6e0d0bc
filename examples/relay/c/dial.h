/*
 * The TLS client towards the backend. Stage 1 of the port has these functions in Rust; what they pass is the same
 * `SSL *`, which is C's again once the handshake is done.
 */
#ifndef RELAY_DIAL_H
#define RELAY_DIAL_H

#include <openssl/ssl.h>

/* How far a call came. */
enum outcome {
    OUTCOME_DONE,
    OUTCOME_WAIT, /* it needs the socket to be ready, as `events` says */
    OUTCOME_END,  /* the peer has sent all it had to send */
    OUTCOME_MORE, /* there is more to do, but others are waiting */
    OUTCOME_FAILED
};

struct dialer;

/* `name` is what the backend's certificate must bear, a DNS name or an address. Returns NULL after it said why. */
struct dialer *dialer_new(const char *ca_file, const char *name);
void dialer_free(struct dialer *dialer);

/*
 * An object for one connection, over a connected socket that stays the caller's. It offers `protocol` where that is
 * not NULL. Returns NULL after it said why; the object is the caller's to free.
 */
SSL *dialer_begin(const struct dialer *dialer, unsigned long id, int fd, const unsigned char *protocol,
                  unsigned int length);

/* Goes on with the handshake, and says why where it failed. Adds to `events` what it waits for. */
enum outcome dialer_advance(SSL *ssl, unsigned long id, short *events);

#endif
