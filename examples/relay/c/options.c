#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "relay.h"

static const char usage[] =
    "usage: relay --listen HOST:PORT --backend HOST:PORT --identity NAME CHAIN KEY [options]\n"
    "\n"
    "  --listen HOST:PORT         where to accept TLS clients; port 0 takes any free one\n"
    "  --backend HOST:PORT        where to relay them to, over TLS\n"
    "  --identity NAME CHAIN KEY  who to be for clients that ask for NAME: two PEM files; the first identity is also for\n"
    "                             those that ask for nobody (repeatable)\n"
    "  --alpn LIST                protocols to take, with commas between them; the backend is offered the one taken\n"
    "  --backend-name NAME        the name that the backend's certificate must bear (the host of --backend)\n"
    "  --backend-ca FILE          the roots to verify it with, in PEM (the system's)\n"
    "  --backend-plain            relay without TLS\n"
    "  --timeout SECONDS          until a connection must be relaying (10)\n"
    "  --once N                   end after N connections\n";

static int complain(const char *option, const char *complaint)
{
    log_line("relay: %s: %s", option, complaint);
    fputs(usage, stderr);
    return 0;
}

static int parse_number(const char *text, unsigned long *number)
{
    char *end;

    /* strtoul would take signs and blanks. */
    if (text[0] < '0' || text[0] > '9')
        return 0;
    errno = 0;
    *number = strtoul(text, &end, 10);
    return *end == '\0' && errno == 0 && *number >= 1 && *number <= 1000000;
}

static int parse_place(const char *text, struct place *place)
{
    const char *colon = strrchr(text, ':');
    size_t length;
    unsigned long port = 0;

    if (colon == NULL || colon == text)
        return 0;
    length = (size_t)(colon - text);
    /* An address of IPv6 has colons of its own, and brackets around it for that. */
    if (text[0] == '[' && colon[-1] == ']') {
        text++;
        length -= 2;
    }
    if (length == 0 || length >= sizeof(place->host))
        return 0;
    if (strcmp(colon + 1, "0") != 0 && (!parse_number(colon + 1, &port) || port > 65535))
        return 0;
    memcpy(place->host, text, length);
    place->host[length] = '\0';
    /* As it was understood: with zeros before it there would be no room for it. */
    snprintf(place->port, sizeof(place->port), "%hu", (unsigned short)port);
    return 1;
}

/*
 * A DNS name or an address. OpenSSL takes more: to it no name is no check, and one with a dot before it is each that
 * ends so.
 */
static int is_name(const char *name)
{
    static const char digits[] = "0123456789";
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    unsigned char address[sizeof(struct in6_addr)];
    const char *label = name;

    if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
        return 1;
    if (strlen(name) > 253)
        return 0;
    for (;;) {
        size_t length = strspn(label, letters);

        if (length == 0 || length > 63)
            return 0;
        /* What ends in a number is an address to some. */
        if (label[length] == '\0')
            return strspn(label, digits) < length;
        if (label[length] != '.')
            return 0;
        label += length + 1;
    }
}

static int is_protocol_list(const char *list)
{
    size_t length = strlen(list);

    return length > 0 && length <= 255 && list[0] != ',' && list[length - 1] != ',' && strstr(list, ",,") == NULL;
}

static int add_identity(struct options *options, char **values)
{
    size_t size = (options->identity_count + 1) * sizeof(*options->identities);
    struct identity *identities = realloc(options->identities, size);

    if (identities == NULL)
        return 0;
    options->identities = identities;
    identities[options->identity_count].name = values[0];
    identities[options->identity_count].chain = values[1];
    identities[options->identity_count].key = values[2];
    options->identity_count++;
    return 1;
}

int options_parse(struct options *options, int argc, char **argv)
{
    int at = 1;

    memset(options, 0, sizeof(*options));
    options->timeout = 10;
    while (at < argc) {
        const char *option = argv[at++];
        char **values = argv + at;
        int count = strcmp(option, "--backend-plain") == 0 ? 0 : strcmp(option, "--identity") == 0 ? 3 : 1;

        if (argc - at < count)
            return complain(option, "unknown, or its value is missing");
        at += count;
        if (strcmp(option, "--listen") == 0) {
            options->listen.text = values[0];
            if (!parse_place(values[0], &options->listen))
                return complain(option, "not HOST:PORT");
        } else if (strcmp(option, "--backend") == 0) {
            options->backend.text = values[0];
            if (!parse_place(values[0], &options->backend))
                return complain(option, "not HOST:PORT");
        } else if (strcmp(option, "--identity") == 0) {
            if (!add_identity(options, values))
                return complain(option, "no memory");
        } else if (strcmp(option, "--alpn") == 0) {
            options->alpn = values[0];
            if (!is_protocol_list(values[0]))
                return complain(option, "not a list of protocols");
        } else if (strcmp(option, "--backend-name") == 0) {
            options->backend_name = values[0];
            if (!is_name(values[0]))
                return complain(option, "not a name or an address");
        } else if (strcmp(option, "--backend-ca") == 0) {
            options->backend_ca = values[0];
        } else if (strcmp(option, "--backend-plain") == 0) {
            options->backend_plain = 1;
        } else if (strcmp(option, "--timeout") == 0) {
            if (!parse_number(values[0], &options->timeout))
                return complain(option, "not a number from 1 to 1000000");
        } else if (strcmp(option, "--once") == 0) {
            if (!parse_number(values[0], &options->once))
                return complain(option, "not a number from 1 to 1000000");
        } else {
            return complain(option, "unknown, or its value is missing");
        }
    }
    if (options->listen.text == NULL)
        return complain("--listen", "missing");
    if (options->backend.text == NULL)
        return complain("--backend", "missing");
    if (options->identity_count == 0)
        return complain("--identity", "missing");
    if (options->backend_name == NULL)
        options->backend_name = options->backend.host;
    if (!options->backend_plain && !is_name(options->backend_name))
        return complain("--backend-name", "not a name or an address");
    return 1;
}

int resolve(const struct place *place, struct sockaddr_storage *address, socklen_t *length)
{
    struct addrinfo hints = {0}, *found;
    int failure;

    hints.ai_socktype = SOCK_STREAM;
    failure = getaddrinfo(place->host, place->port, &hints, &found);
    if (failure != 0) {
        log_line("relay: cannot resolve %s: failed to lookup address information: %s", place->text,
                 gai_strerror(failure));
        return 0;
    }
    memcpy(address, found->ai_addr, found->ai_addrlen);
    *length = found->ai_addrlen;
    freeaddrinfo(found);
    return 1;
}
