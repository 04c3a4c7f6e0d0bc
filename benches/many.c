/* What the bench `many` measures, in C, of pairs of connections over sockets: the heap that an idle pair holds, or the
 * microseconds that COUNT pairs take to be made and ended, in each of so many threads that share the contexts.
 *
 *   many default|release|free CERTIFICATE KEY CA COUNT
 *   many THREADS CERTIFICATE KEY CA COUNT
 *
 * `release` sets SSL_MODE_RELEASE_BUFFERS, `free` calls SSL_free_buffers once a connection is idle. */
#include <fcntl.h>
#include <malloc.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct pair {
    SSL *client, *server;
};

static size_t heap(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static int waits(SSL *ssl, int ret)
{
    return SSL_get_error(ssl, ret) == SSL_ERROR_WANT_READ;
}

static void fail(const char *what)
{
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

static void idle(struct pair *pair, SSL_CTX *client, SSL_CTX *server, int free_them)
{
    int fds[2], ours = 0, theirs = 0;
    char byte = 'x';

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
        fail("socketpair");
    pair->client = SSL_new(client);
    pair->server = SSL_new(server);
    if (!SSL_set_tlsext_host_name(pair->client, "localhost") || !SSL_set1_host(pair->client, "localhost")
        || !SSL_set_fd(pair->client, fds[0]) || !SSL_set_fd(pair->server, fds[1]))
        fail("the settings");
    while (ours != 1 || theirs != 1) {
        if (ours != 1 && (ours = SSL_connect(pair->client)) != 1 && !waits(pair->client, ours))
            fail("SSL_connect");
        if (theirs != 1 && (theirs = SSL_accept(pair->server)) != 1 && !waits(pair->server, theirs))
            fail("SSL_accept");
    }
    if (SSL_write(pair->client, &byte, 1) != 1 || SSL_read(pair->server, &byte, 1) != 1
        || SSL_write(pair->server, &byte, 1) != 1 || SSL_read(pair->client, &byte, 1) != 1)
        fail("an echo");
    /* As who waits for data does. */
    if (!waits(pair->client, SSL_read(pair->client, &byte, 1))
        || !waits(pair->server, SSL_read(pair->server, &byte, 1)))
        fail("an idle read");
    if (free_them && (!SSL_free_buffers(pair->client) || !SSL_free_buffers(pair->server)))
        fail("SSL_free_buffers");
}

struct work {
    SSL_CTX *client, *server;
    int count;
};

static void *work(void *argument)
{
    struct work *work = argument;
    struct pair pair;
    int i, fds[2];

    for (i = 0; i < work->count; i++) {
        idle(&pair, work->client, work->server, 0);
        fds[0] = SSL_get_fd(pair.client);
        fds[1] = SSL_get_fd(pair.server);
        SSL_shutdown(pair.client);
        SSL_shutdown(pair.server);
        SSL_free(pair.client);
        SSL_free(pair.server);
        close(fds[0]);
        close(fds[1]);
    }
    return NULL;
}

static long long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

static void threads(int number, struct work *all)
{
    pthread_t ids[64];
    long long before;
    int i;

    if (number > 64)
        fail("so many threads");
    before = now();
    for (i = 0; i < number; i++)
        if (pthread_create(&ids[i], NULL, work, all) != 0)
            fail("pthread_create");
    for (i = 0; i < number; i++)
        pthread_join(ids[i], NULL);
    printf("%lld\n", now() - before);
}

int main(int argc, char **argv)
{
    SSL_CTX *client = SSL_CTX_new(TLS_client_method()), *server = SSL_CTX_new(TLS_server_method());
    int release, free_them, count, i;
    struct pair first, *pairs;
    size_t before;

    if (argc != 6)
        return 2;
    release = strcmp(argv[1], "release") == 0;
    free_them = strcmp(argv[1], "free") == 0;
    count = atoi(argv[5]);
    if (!SSL_CTX_use_certificate_chain_file(server, argv[2])
        || !SSL_CTX_use_PrivateKey_file(server, argv[3], SSL_FILETYPE_PEM)
        || !SSL_CTX_load_verify_file(client, argv[4]))
        fail("a file");
    SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
    if (release) {
        SSL_CTX_set_mode(client, SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_mode(server, SSL_MODE_RELEASE_BUFFERS);
    }
    pairs = calloc(count, sizeof(*pairs));
    /* What is made once does not count. */
    idle(&first, client, server, free_them);
    if (atoi(argv[1]) > 0) {
        struct work all = { client, server, count };

        threads(atoi(argv[1]), &all);
        fflush(stdout);
        _Exit(0);
    }
    before = heap();
    for (i = 0; i < count; i++)
        idle(&pairs[i], client, server, free_them);
    printf("%zu\n", (heap() - before) / count);
    fflush(stdout);
    _Exit(0);
}
