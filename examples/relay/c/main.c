#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "relay.h"

static int cannot_listen(const struct place *place)
{
    char reason[REASON_SIZE];

    describe_errno(reason, sizeof(reason), errno);
    log_line("relay: cannot listen on %s: %s", place->text, reason);
    return 0;
}

static int start_listening(struct relay *relay)
{
    const struct place *place = &relay->options->listen;
    struct sockaddr_storage address;
    socklen_t length;
    char host[INET6_ADDRSTRLEN + 16], port[8];
    int on = 1;

    if (!resolve(place, &address, &length))
        return 0;
    relay->listener = socket(address.ss_family, SOCK_STREAM, 0);
    if (relay->listener < 0 || !set_nonblocking(relay->listener)
        || setsockopt(relay->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0
        || bind(relay->listener, (struct sockaddr *)&address, length) != 0 || listen(relay->listener, 128) != 0)
        return cannot_listen(place);
    length = sizeof(address);
    if (getsockname(relay->listener, (struct sockaddr *)&address, &length) != 0
        || getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port, sizeof(port),
                       NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return cannot_listen(place);
    log_line(strchr(host, ':') != NULL ? "relay: listening on [%s]:%s" : "relay: listening on %s:%s", host, port);
    return 1;
}

/* Everything that can be wrong is found before the first client comes. */
static int start(struct relay *relay)
{
    const struct options *options = relay->options;

    relay->server = server_context(options->identities, options->identity_count, options->alpn);
    if (relay->server == NULL)
        return EXIT_TLS;
    if (!options->backend_plain) {
        relay->dialer = dialer_new(options->backend_ca, options->backend_name);
        if (relay->dialer == NULL)
            return EXIT_TLS;
    }
    /* Who reads that the relay listens may end it. */
    if (!loop_catch_signals())
        return EXIT_LOOP;
    if (!resolve(&options->backend, &relay->backend, &relay->backend_length) || !start_listening(relay))
        return EXIT_NETWORK;
    return EXIT_CLEAN;
}

/* What opens first would take the number of a stream that is closed, and the log would go there. */
static void open_streams(void)
{
    int fd;

    for (fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            abort();
}

int main(int argc, char **argv)
{
    struct options options;
    struct relay relay = {0};
    int code = EXIT_USAGE;

    open_streams();
    /* A peer that is gone is an error of write, and not the end of the program. */
    signal(SIGPIPE, SIG_IGN);
    relay.options = &options;
    relay.listener = -1;
    if (options_parse(&options, argc, argv)) {
        code = start(&relay);
        if (code == EXIT_CLEAN)
            code = loop_run(&relay);
    }
    if (relay.listener >= 0)
        close(relay.listener);
    dialer_free(relay.dialer);
    SSL_CTX_free(relay.server);
    free(options.identities);
    return code;
}
