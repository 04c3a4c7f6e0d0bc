/* The relay: its options, its connections, its loop. */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "context.h"
#include "dial.h"
#include "side.h"

/* The exit codes. */
enum { EXIT_CLEAN = 0, EXIT_LOOP = 1, EXIT_USAGE = 2, EXIT_TLS = 3, EXIT_NETWORK = 4 };

/* HOST:PORT, apart. */
struct place {
    const char *text;
    char host[256];
    char port[8];
};

struct options {
    struct place listen, backend;
    struct identity *identities;
    size_t identity_count;
    const char *alpn;         /* NULL: none */
    const char *backend_name; /* what its certificate must bear */
    const char *backend_ca;   /* NULL: the system's roots */
    int backend_plain;
    unsigned long once;    /* 0: for ever */
    unsigned long timeout; /* seconds until a connection must be relaying */
};

/* Returns 0 after it said what is wrong. */
int options_parse(struct options *options, int argc, char **argv);

/* The first address of a place. Returns 0 after it said why there is none. */
int resolve(const struct place *place, struct sockaddr_storage *address, socklen_t *length);

/* What the connections share. */
struct relay {
    const struct options *options;
    SSL_CTX *server;
    struct dialer *dialer; /* NULL where the backend is plain */
    struct sockaddr_storage backend;
    socklen_t backend_length;
    int listener;
};

/* One direction of a connection. */
struct pipe {
    struct side *from, *to;
    size_t start, end; /* what was read and not yet written */
    uint64_t total;
    unsigned char data[16384];
};

enum phase { PHASE_CLIENT, PHASE_CONNECT, PHASE_BACKEND, PHASE_RELAY, PHASE_OVER };

struct connection {
    struct connection *next;
    const struct relay *relay;
    unsigned long id;
    enum phase phase;
    int64_t deadline; /* in milliseconds, until it relays */
    int again;        /* it has more to do without waiting */
    struct side client, backend;
    struct pipe to_backend, to_client;
};

/* Takes over the socket. Returns NULL after it said why. */
struct connection *connection_new(const struct relay *relay, int fd, unsigned long id, int64_t now);

/* Goes as far as the sockets allow. */
void connection_advance(struct connection *connection);

/* Its deadline has passed. */
void connection_expire(struct connection *connection);

/* Ends it in the middle. */
void connection_cut(struct connection *connection);

/* Whether it has a deadline. */
int connection_is_due(const struct connection *connection);

int set_nonblocking(int fd);

/* From here on SIGTERM and SIGINT end the loop, and not the process. Returns 0 after it said why not. */
int loop_catch_signals(void);

/* Serves until SIGTERM, or until all connections that --once allows have ended. Returns the exit code. */
int loop_run(const struct relay *relay);

#endif
