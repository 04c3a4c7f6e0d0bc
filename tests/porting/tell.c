/* tell PORT HOST CA blocks|not: prints what became of one SSL_connect. */
#include "client.h"

void tell(SSL *ssl, int ret, char *out, size_t room);

int main(int argc, char **argv)
{
    char line[256] = "";
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;

    if (argc != 5)
        return 2;
    fd = dial(argv[1]);
    ctx = trusting(argv[3]);
    if (strcmp(argv[4], "blocks") != 0)
        fcntl(fd, F_SETFL, O_NONBLOCK);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    SSL_set_tlsext_host_name(ssl, argv[2]);
    SSL_set1_host(ssl, argv[2]);
    tell(ssl, SSL_connect(ssl), line, sizeof(line));
    printf("%s", line);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return 0;
}
