/* What the bench `table` counts, in C: the same work on the same libssl, as a careful C program does it.
 *
 *   table ROW COUNT
 *
 * TABLE_FILES names the directory of the identities. With TABLE_SAYS=time or TABLE_SAYS=heap it prints how many
 * nanoseconds the work took, or by how many bytes the heap grew. */
#include <malloc.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROOM (1 << 17)
#define RECORD (16 * 1024)

static void fail(const char *what)
{
    fprintf(stderr, "%s failed\n", what);
    _Exit(1);
}

#define MUST(call) do { if (!(call)) fail(#call); } while (0)

/* One direction of a transport in memory. */
struct queue {
    size_t start, end;
    unsigned char bytes[ROOM];
};

struct wire {
    struct queue *incoming, *outgoing;
};

static struct queue to_server, to_client;
static struct wire client_wire = { &to_client, &to_server }, server_wire = { &to_server, &to_client };
static BIO_METHOD *wire_method;

static int wire_read(BIO *bio, char *out, int len)
{
    struct queue *queue = ((struct wire *)BIO_get_data(bio))->incoming;
    size_t there = queue->end - queue->start;

    BIO_clear_retry_flags(bio);
    if (there == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (there > (size_t)len)
        there = len;
    memcpy(out, queue->bytes + queue->start, there);
    queue->start += there;
    if (queue->start == queue->end)
        queue->start = queue->end = 0;
    return there;
}

static int wire_write(BIO *bio, const char *data, int len)
{
    struct queue *queue = ((struct wire *)BIO_get_data(bio))->outgoing;
    size_t room = ROOM - queue->end;

    BIO_clear_retry_flags(bio);
    if (room == 0) {
        BIO_set_retry_write(bio);
        return -1;
    }
    if (room > (size_t)len)
        room = len;
    memcpy(queue->bytes + queue->end, data, room);
    queue->end += room;
    return room;
}

static long wire_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO *wire_bio(struct wire *wire)
{
    BIO *bio = BIO_new(wire_method);

    MUST(bio != NULL);
    BIO_set_data(bio, wire);
    BIO_set_init(bio, 1);
    return bio;
}

static const char *file(const char *name)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s/%s", getenv("TABLE_FILES"), name);
    return path;
}

static SSL_CTX *client_context, *server_context;

static void contexts(void)
{
    unsigned char name[SSL_MAX_SID_CTX_LENGTH];

    MUST(client_context = SSL_CTX_new(TLS_client_method()));
    MUST(SSL_CTX_set_min_proto_version(client_context, TLS1_2_VERSION));
    MUST(SSL_CTX_load_verify_locations(client_context, file("ca.pem"), NULL));
    SSL_CTX_set_verify(client_context, SSL_VERIFY_PEER, NULL);
    MUST(server_context = SSL_CTX_new(TLS_server_method()));
    MUST(SSL_CTX_set_min_proto_version(server_context, TLS1_2_VERSION));
    /* As OpenSSL's manual says, so that no other server's sessions are taken for this one's. */
    MUST(RAND_bytes(name, sizeof name));
    MUST(SSL_CTX_set_session_id_context(server_context, name, sizeof name));
    MUST(SSL_CTX_use_certificate_chain_file(server_context, file("chain.pem")) == 1);
    MUST(SSL_CTX_use_PrivateKey_file(server_context, file("key.pem"), SSL_FILETYPE_PEM) == 1);
}

struct pair {
    SSL *client, *server;
};

static void wants_read(SSL *ssl, int ret)
{
    MUST(ret != 1 && SSL_get_error(ssl, ret) == SSL_ERROR_WANT_READ);
}

static void shake_with(struct pair pair, BIO *client, BIO *server)
{
    MUST(SSL_set_tlsext_host_name(pair.client, "localhost"));
    MUST(SSL_set1_host(pair.client, "localhost"));
    SSL_set_bio(pair.client, client, client);
    SSL_set_bio(pair.server, server, server);
    wants_read(pair.client, SSL_connect(pair.client));
    wants_read(pair.server, SSL_accept(pair.server));
    MUST(SSL_connect(pair.client) == 1);
    MUST(SSL_accept(pair.server) == 1);
}

static struct pair shake(BIO *client, BIO *server)
{
    struct pair pair = { SSL_new(client_context), SSL_new(server_context) };

    MUST(pair.client != NULL && pair.server != NULL);
    shake_with(pair, client, server);
    return pair;
}

static struct pair shake_in_memory(void)
{
    to_server.start = to_server.end = to_client.start = to_client.end = 0;
    return shake(wire_bio(&client_wire), wire_bio(&server_wire));
}

static void end(struct pair pair)
{
    SSL_free(pair.client);
    SSL_free(pair.server);
}

/* Sends bytes and reads them on the other side. */
static void move(SSL *from, SSL *to, const unsigned char *data, unsigned char *out, size_t len)
{
    size_t written, read, done = 0;

    MUST(SSL_write_ex(from, data, len, &written) && written == len);
    while (done < len) {
        MUST(SSL_read_ex(to, out + done, len - done, &read));
        done += read;
    }
}

static void move_often(size_t len, long count)
{
    static unsigned char data[RECORD], out[RECORD];
    struct pair pair = shake_in_memory();
    long i;

    for (i = 0; i < count; i++)
        move(pair.client, pair.server, data, out, len);
    end(pair);
}

static void read_nothing(long count)
{
    struct pair pair = shake_in_memory();
    unsigned char out[64];
    size_t read;
    long i;

    for (i = 0; i < count; i++)
        wants_read(pair.server, SSL_read_ex(pair.server, out, sizeof out, &read));
    end(pair);
}

static void shake_over_socket(void)
{
    int fds[2], on = 1;

    /* As Rust's standard library does it: it is not the sockets that are compared. */
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    MUST(ioctl(fds[0], FIONBIO, &on) == 0 && ioctl(fds[1], FIONBIO, &on) == 0);
    end(shake(BIO_new_socket(fds[0], BIO_CLOSE), BIO_new_socket(fds[1], BIO_CLOSE)));
}

/* One handshake is a full one; all that follow resume it, or what came of it. */
static void resume_often(long count)
{
    SSL_SESSION *session = NULL;
    unsigned char out[1];
    size_t read;
    long i;

    for (i = 0; i <= count; i++) {
        BIO *client, *server;
        struct pair pair;

        to_server.start = to_server.end = to_client.start = to_client.end = 0;
        client = wire_bio(&client_wire), server = wire_bio(&server_wire);
        pair.client = SSL_new(client_context), pair.server = SSL_new(server_context);
        MUST(pair.client != NULL && pair.server != NULL);
        MUST(session == NULL || SSL_set_session(pair.client, session));
        shake_with(pair, client, server);
        MUST(SSL_session_reused(pair.client) == (i != 0));
        /* The tickets. */
        wants_read(pair.client, SSL_read_ex(pair.client, out, sizeof out, &read));
        SSL_SESSION_free(session);
        MUST(session = SSL_get1_session(pair.client));
        SSL_set_shutdown(pair.client, SSL_SENT_SHUTDOWN);
        SSL_set_shutdown(pair.server, SSL_SENT_SHUTDOWN);
        end(pair);
    }
    SSL_SESSION_free(session);
}

#define PAIRS 50
#define REQUEST 1024

/* One end of a connection over which requests go. */
struct peer {
    SSL *ssl;
    int asks;
    long left;
    size_t have;
    unsigned char bytes[REQUEST];
};

static void say(struct peer *peer)
{
    size_t written;

    MUST(SSL_write_ex(peer->ssl, peer->bytes, REQUEST, &written) && written == REQUEST);
}

/* Reads what there is, and answers each request that is whole, or sends the next one. Whether a peer has got all. */
static int progress(struct peer *peer)
{
    size_t read;

    for (;;) {
        int ret = SSL_read_ex(peer->ssl, peer->bytes + peer->have, REQUEST - peer->have, &read);

        if (ret != 1) {
            wants_read(peer->ssl, ret);
            return 0;
        }
        peer->have += read;
        if (peer->have < REQUEST)
            continue;
        peer->have = 0;
        if (peer->asks && --peer->left == 0)
            return 1;
        say(peer);
    }
}

static void watch(int epoll, struct peer *peer)
{
    struct epoll_event event = { EPOLLIN | EPOLLET, { .ptr = peer } };

    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, SSL_get_fd(peer->ssl), &event) == 0);
}

static void echo(long count)
{
    static struct peer peers[2 * PAIRS];
    int epoll = epoll_create1(EPOLL_CLOEXEC), done = 0, i, on = 1;

    MUST(epoll >= 0);
    for (i = 0; i < PAIRS; i++) {
        int fds[2];
        struct pair pair;

        MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
        MUST(ioctl(fds[0], FIONBIO, &on) == 0 && ioctl(fds[1], FIONBIO, &on) == 0);
        pair = shake(BIO_new_socket(fds[0], BIO_CLOSE), BIO_new_socket(fds[1], BIO_CLOSE));
        memset(&peers[2 * i], 0, 2 * sizeof peers[0]);
        peers[2 * i].ssl = pair.client, peers[2 * i].asks = 1, peers[2 * i].left = count;
        peers[2 * i + 1].ssl = pair.server;
    }
    for (i = 0; i < PAIRS; i++) {
        watch(epoll, &peers[2 * i]);
        watch(epoll, &peers[2 * i + 1]);
        say(&peers[2 * i]);
    }
    while (done < PAIRS) {
        struct epoll_event events[2 * PAIRS];
        int ready = epoll_wait(epoll, events, 2 * PAIRS, -1);

        MUST(ready > 0);
        for (i = 0; i < ready; i++)
            done += progress(events[i].data.ptr);
    }
    for (i = 0; i < 2 * PAIRS; i++)
        SSL_free(peers[i].ssl);
    close(epoll);
}

static void stay_idle(long count)
{
    unsigned char data[1] = { 0 }, out[1];
    long i;

    SSL_CTX_set_mode(client_context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_mode(server_context, SSL_MODE_RELEASE_BUFFERS);
    for (i = 0; i < count; i++) {
        struct pair pair = shake_in_memory();

        move(pair.client, pair.server, data, out, 1);
        move(pair.server, pair.client, data, out, 1);
    }
}

static long long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void work(const char *row, long count)
{
    long i;

    if (strcmp(row, "handshake") == 0)
        for (i = 0; i < count; i++)
            end(shake_in_memory());
    else if (strcmp(row, "socket") == 0)
        for (i = 0; i < count; i++)
            shake_over_socket();
    else if (strcmp(row, "socket-ahead") == 0) {
        SSL_CTX_set_read_ahead(client_context, 1);
        SSL_CTX_set_read_ahead(server_context, 1);
        for (i = 0; i < count; i++)
            shake_over_socket();
    } else if (strcmp(row, "byte") == 0 || strcmp(row, "byte-watched") == 0)
        move_often(1, count);
    else if (strcmp(row, "bulk") == 0 || strcmp(row, "bulk-watched") == 0)
        move_often(RECORD, count);
    else if (strcmp(row, "nothing") == 0)
        read_nothing(count);
    else if (strcmp(row, "resumed") == 0)
        resume_often(count);
    else if (strcmp(row, "echo") == 0)
        echo(count);
    else if (strcmp(row, "idle") == 0)
        stay_idle(count);
    else
        fail(row);
}

int main(int argc, char **argv)
{
    const char *says = getenv("TABLE_SAYS");
    long long time, heap;

    if (argc != 3)
        return 2;
    MUST(wire_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire"));
    BIO_meth_set_read(wire_method, wire_read);
    BIO_meth_set_write(wire_method, wire_write);
    BIO_meth_set_ctrl(wire_method, wire_ctrl);
    contexts();
    work(argv[1], 1);
    heap = mallinfo2().uordblks;
    time = now();
    work(argv[1], atol(argv[2]));
    time = now() - time;
    if (says != NULL && strcmp(says, "time") == 0)
        printf("%lld\n", time);
    if (says != NULL && strcmp(says, "heap") == 0)
        printf("%lld\n", (long long)mallinfo2().uordblks - heap);
    fflush(stdout);
    /* Not at exit, which is not what is counted. */
    _Exit(0);
}
