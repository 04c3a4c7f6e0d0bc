/* fetch PORT HOST CA blocks|not [ROOM]: prints the answer, for which there are so many bytes. */
#include "client.h"

long fetch(SSL_CTX *ctx, int fd, const char *host, const char *request, char *out, size_t room);

static void nothing(int signal)
{
    (void)signal;
}

int main(int argc, char **argv)
{
    static char out[1 << 20];
    SSL_CTX *ctx;
    struct sigaction action = { 0 };
    size_t room = sizeof(out);
    long answer;
    int fd;

    if (argc != 5 && argc != 6)
        return 2;
    if (argc == 6 && (room = strtoul(argv[5], NULL, 10)) > sizeof(out))
        return 2;
    action.sa_handler = nothing;
    sigaction(SIGUSR1, &action, NULL);
    fd = dial(argv[1]);
    ctx = trusting(argv[3]);
    if (strcmp(argv[4], "blocks") != 0)
        fcntl(fd, F_SETFL, O_NONBLOCK);
    answer = fetch(ctx, fd, argv[2], "a question\n", out, room);
    SSL_CTX_free(ctx);
    close(fd);
    if (answer < 0)
        return 1;
    return fwrite(out, 1, (size_t)answer, stdout) == (size_t)answer ? 0 : 3;
}
