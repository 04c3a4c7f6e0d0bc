/* What the bench `memory` measures, in C: the heap that an idle pair of connections over sockets holds.
 *
 *   memory default|release|free CERTIFICATE KEY CA PAIRS
 *
 * `release` sets SSL_MODE_RELEASE_BUFFERS, `free` calls SSL_free_buffers once a connection is idle. */
#include <fcntl.h>
#include <malloc.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

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
    before = heap();
    for (i = 0; i < count; i++)
        idle(&pairs[i], client, server, free_them);
    printf("%zu\n", (heap() - before) / count);
    fflush(stdout);
    _Exit(0);
}
