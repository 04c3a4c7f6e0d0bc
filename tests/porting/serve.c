/* serve CLIENTS CHAIN KEY CHAIN KEY: prints its port, and at the end how many clients resumed. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int serve(int listener, int clients, const char *chain, const char *key, const char *other_chain, const char *other_key);

int main(int argc, char **argv)
{
    struct sockaddr_in at = { 0 };
    socklen_t length = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0), resumed;

    if (argc != 6)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(listener, 8) != 0
        || getsockname(listener, (struct sockaddr *)&at, &length) != 0)
        return 3;
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    resumed = serve(listener, atoi(argv[1]), argv[2], argv[3], argv[4], argv[5]);
    printf("%d\n", resumed);
    return resumed < 0;
}
