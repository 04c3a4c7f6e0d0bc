/* finish PORT HOST CA blocks: prints what finish() returns, and how many bytes came late. */
#include "client.h"

int finish(SSL *ssl, size_t *late);

int main(int argc, char **argv)
{
    SSL_CTX *ctx;
    SSL *ssl;
    size_t late = 0;
    int fd, ret;

    if (argc != 5)
        return 2;
    fd = dial(argv[1]);
    ctx = trusting(argv[3]);
    ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1)
        return 1;
    ret = finish(ssl, &late);
    if (ret == 1)
        printf("%zu", late);
    else
        printf("cut");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return 0;
}
