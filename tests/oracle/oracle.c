/*
 * Plays scenarios against libssl, as a C program would, and prints what each call answered:
 *
 *     oracle CERTIFICATES SCENARIOS
 *
 * The language of the scenarios is described at the top of `scenarios.txt`. Each run prints `= ID TRANSPORT`, then a
 * line for each call on the object under test: `CALL RET CODE ERRNO [LIB:REASON,...]`, or `CALL RET 0 DETAIL` where
 * it succeeded. Each runs in a process of its own, so that a crash is an answer too.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define ROOM (1 << 18)
#define WORDS 16

struct bytes {
    unsigned char data[ROOM];
    size_t len;
};

struct line {
    char *word[WORDS];
    int words;
    char *text; /* everything after the first word */
};

enum { READ, WRITE, FLUSH };

struct fault {
    char *what;
    int number;
};

/* How often a callback still suspends, and whether it fails then. */
struct callbacks {
    int suspend_cert, suspend_hello, suspend_verify;
    int fail_cert, fail_hello, fail_verify;
};

struct run {
    const char *certificates;
    const char *transport;
    SSL_CTX *context, *peer_context;
    SSL *ssl, *peer;
    BIO *peer_in, *peer_out;
    struct bytes peer_got;
    int stale;
    /* The transport: a pair of sockets, a pair of BIOs, or the queues of a BIO of our own. */
    int near_fd, far_fd;
    BIO *far;
    struct bytes in, out;
    int closed;
    size_t room;
    struct fault faults[3][8];
    int first[3], last[3];
    /* The thread that answers a blocking object. */
    pthread_t thread;
    int running;
    struct line automatic;
};

static void die(const char *why)
{
    fprintf(stderr, "oracle: %s\n", why);
    ERR_print_errors_fp(stderr);
    exit(2);
}

static void must(int ok, const char *what)
{
    if (!ok)
        die(what);
}

/* Lines and words */

static void split(char *text, struct line *line)
{
    char *rest = text;

    memset(line, 0, sizeof(*line));
    line->text = strchr(text, ' ');
    line->text = line->text == NULL ? strdup("") : strdup(line->text + 1);
    while (line->words < WORDS && (rest = strtok(rest, " ")) != NULL) {
        line->word[line->words++] = rest;
        rest = NULL;
    }
}

/* The value of a word `key=value`. */
static const char *get(const struct line *line, const char *key)
{
    size_t len = strlen(key);
    int i;

    for (i = 1; i < line->words; i++)
        if (strncmp(line->word[i], key, len) == 0 && line->word[i][len] == '=')
            return line->word[i] + len + 1;
    return NULL;
}

static int is(const char *value, const char *expected)
{
    return value != NULL && strcmp(value, expected) == 0;
}

/* The number of `name:number` in a list with commas, 1 for a bare `name`, or 0. */
static int listed(const char *list, const char *name)
{
    const char *at = list == NULL ? NULL : strstr(list, name);

    if (at == NULL)
        return 0;
    at += strlen(name);
    return *at == ':' ? atoi(at + 1) : 1;
}

static size_t unhex(const char *hex, unsigned char *out)
{
    size_t len = 0;
    unsigned value;

    for (; sscanf(hex, "%2x", &value) == 1; hex += 2)
        out[len++] = (unsigned char)value;
    return len;
}

/* A BIO of our own, over the queues `in` and `out`, which fails as told */

/* Whether a fault takes the call over; `*ret` is then its answer. */
static int faulty(BIO *bio, struct run *run, int op, int *ret)
{
    struct fault *fault;

    if (run->first[op] == run->last[op])
        return 0;
    fault = &run->faults[op][run->first[op]++];
    *ret = -1;
    if (is(fault->what, "errno")) {
        errno = fault->number;
    } else if (is(fault->what, "eof")) {
        run->closed = 1;
        run->in.len = 0;
        *ret = 0;
    } else if (is(fault->what, "retry")) {
        if (op == READ)
            BIO_set_retry_read(bio);
        else
            BIO_set_retry_write(bio);
    } else {
        return 0;
    }
    return 1;
}

static int own_read(BIO *bio, char *out, int len)
{
    struct run *run = BIO_get_data(bio);
    int ret;

    BIO_clear_retry_flags(bio);
    if (faulty(bio, run, READ, &ret))
        return ret;
    if (run->in.len == 0) {
        if (run->closed)
            return 0;
        BIO_set_retry_read(bio);
        return -1;
    }
    if ((size_t)len > run->in.len)
        len = (int)run->in.len;
    memcpy(out, run->in.data, len);
    memmove(run->in.data, run->in.data + len, run->in.len -= len);
    return len;
}

static int own_write(BIO *bio, const char *in, int len)
{
    struct run *run = BIO_get_data(bio);
    int ret;

    BIO_clear_retry_flags(bio);
    if (faulty(bio, run, WRITE, &ret))
        return ret;
    if (run->out.len >= run->room) {
        BIO_set_retry_write(bio);
        return -1;
    }
    if ((size_t)len > run->room - run->out.len)
        len = (int)(run->room - run->out.len);
    memcpy(run->out.data + run->out.len, in, len);
    run->out.len += len;
    return len;
}

static long own_ctrl(BIO *bio, int command, long number, void *pointer)
{
    struct run *run = BIO_get_data(bio);
    int ret;

    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return faulty(bio, run, FLUSH, &ret) ? ret : 1;
    case BIO_CTRL_EOF:
        return run->closed && run->in.len == 0;
    default:
        return 0;
    }
}

static BIO *own_bio(struct run *run)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "scripted");
    BIO *bio;

    must(method != NULL && BIO_meth_set_read(method, own_read) && BIO_meth_set_write(method, own_write)
             && BIO_meth_set_ctrl(method, own_ctrl),
         "BIO_meth_new");
    must((bio = BIO_new(method)) != NULL, "BIO_new");
    BIO_set_data(bio, run);
    BIO_set_init(bio, 1);
    return bio;
}

/* Transports: what the object has, and the far end of it */

static void tcp_pair(int fds[2])
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    must(bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0, "listen");
    must(getsockname(listener, (struct sockaddr *)&address, &len) == 0, "getsockname");
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(fds[0], (struct sockaddr *)&address, len) == 0, "connect");
    must((fds[1] = accept(listener, NULL, NULL)) >= 0, "accept");
    close(listener);
}

static BIO *open_transport(struct run *run)
{
    struct timeval soon = { 0, 5000 };
    int fds[2];
    BIO *near;

    run->near_fd = run->far_fd = -1;
    run->room = ROOM;
    if (is(run->transport, "pair")) {
        must(BIO_new_bio_pair(&near, 0, &run->far, 0), "BIO_new_bio_pair");
        return near;
    }
    if (is(run->transport, "custom"))
        return own_bio(run);
    if (is(run->transport, "tcp"))
        tcp_pair(fds);
    else
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "socketpair");
    run->near_fd = fds[0];
    run->far_fd = fds[1];
    if (is(run->transport, "timeout"))
        must(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)) == 0, "SO_RCVTIMEO");
    else if (!is(run->transport, "blocking"))
        must(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
    return BIO_new_socket(fds[0], BIO_NOCLOSE);
}

/* Waits until what the far end did has reached the object's socket. */
static void arrived(struct run *run)
{
    struct pollfd near = { .fd = run->near_fd, .events = POLLIN };

    if (is(run->transport, "tcp"))
        poll(&near, 1, -1);
}

static void far_send(struct run *run, const unsigned char *data, size_t len)
{
    if (len == 0)
        return;
    if (run->far != NULL) {
        must(BIO_write(run->far, data, (int)len) == (int)len, "no room in the pair");
    } else if (run->far_fd >= 0) {
        must(write(run->far_fd, data, len) == (ssize_t)len || errno == EPIPE, "write");
        arrived(run);
    } else {
        memcpy(run->in.data + run->in.len, data, len);
        run->in.len += len;
    }
}

static void far_take(struct run *run, struct bytes *to)
{
    int unsent = 1;
    ssize_t len;

    if (run->far != NULL) {
        while ((len = BIO_read(run->far, to->data + to->len, (int)(ROOM - to->len))) > 0)
            to->len += len;
    } else if (run->far_fd >= 0) {
        /* All that was written is there once nothing waits for an acknowledgement. */
        while (is(run->transport, "tcp") && unsent > 0)
            must(ioctl(run->near_fd, TIOCOUTQ, &unsent) == 0, "TIOCOUTQ");
        while ((len = recv(run->far_fd, to->data + to->len, ROOM - to->len, MSG_DONTWAIT)) > 0)
            to->len += len;
    } else {
        memcpy(to->data + to->len, run->out.data, run->out.len);
        to->len += run->out.len;
        run->out.len = 0;
    }
}

static void far_close(struct run *run, int reset)
{
    struct linger linger = { 1, 0 };

    run->closed = 1;
    if (run->far != NULL)
        BIO_shutdown_wr(run->far);
    if (run->far_fd < 0)
        return;
    if (reset)
        setsockopt(run->far_fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(run->far_fd);
    run->far_fd = -1;
    arrived(run);
}

/* Objects */

static struct callbacks cb_of[2];

static int on_certificate(SSL *ssl, void *data)
{
    struct callbacks *callbacks = data;

    (void)ssl;
    if (callbacks->suspend_cert > 0 && callbacks->suspend_cert-- > 0)
        return -1;
    return !callbacks->fail_cert;
}

static int on_hello(SSL *ssl, int *alert, void *data)
{
    struct callbacks *callbacks = data;

    (void)ssl;
    if (callbacks->suspend_hello > 0 && callbacks->suspend_hello-- > 0)
        return SSL_CLIENT_HELLO_RETRY;
    if (!callbacks->fail_hello)
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

static int on_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct callbacks *callbacks = &cb_of[0];

    if (callbacks->suspend_verify > 0 && X509_STORE_CTX_get_error_depth(store) == 0) {
        callbacks->suspend_verify--;
        SSL_set_retry_verify(ssl);
        return 1;
    }
    return callbacks->fail_verify ? 0 : ok;
}

static SSL_CTX *make_context(struct run *run, const struct line *line, struct callbacks *callbacks)
{
    const char *value = get(line, "method");
    const SSL_METHOD *method =
        is(value, "client") ? TLS_client_method() : is(value, "server") ? TLS_server_method() : TLS_method();
    SSL_CTX *context = SSL_CTX_new(method);
    int mode = SSL_VERIFY_NONE;
    char path[2][4096];

    must(context != NULL, "SSL_CTX_new");
    if ((value = get(line, "min")) != NULL)
        must(SSL_CTX_set_min_proto_version(context, atoi(value)), "min");
    if ((value = get(line, "max")) != NULL)
        must(SSL_CTX_set_max_proto_version(context, atoi(value)), "max");
    if ((value = get(line, "ciphers")) != NULL)
        must(SSL_CTX_set_cipher_list(context, value), "ciphers");
    if ((value = get(line, "suites")) != NULL)
        must(SSL_CTX_set_ciphersuites(context, value), "suites");
    if ((value = get(line, "groups")) != NULL)
        must(SSL_CTX_set1_groups_list(context, value), "groups");
    if ((value = get(line, "sigalgs")) != NULL)
        must(SSL_CTX_set1_sigalgs_list(context, value), "sigalgs");
    if ((value = get(line, "id")) != NULL) {
        snprintf(path[0], sizeof(path[0]), "%s/%s.pem", run->certificates, value);
        snprintf(path[1], sizeof(path[1]), "%s/%s.key", run->certificates, value);
        must(SSL_CTX_use_certificate_chain_file(context, path[0]) == 1
                 && SSL_CTX_use_PrivateKey_file(context, path[1], SSL_FILETYPE_PEM) == 1,
             "id");
    }
    if ((value = get(line, "ca")) != NULL) {
        snprintf(path[0], sizeof(path[0]), "%s/%s.pem", run->certificates, value);
        must(SSL_CTX_load_verify_locations(context, path[0], NULL), "ca");
    }
    value = get(line, "verify");
    if (is(value, "peer"))
        mode = SSL_VERIFY_PEER;
    if (is(value, "require"))
        mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    if (is(get(line, "ignore_eof"), "yes"))
        SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (is(get(line, "auto_retry"), "no"))
        SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    if (is(get(line, "tickets"), "no"))
        must(SSL_CTX_set_num_tickets(context, 0), "tickets");

    value = get(line, "suspend");
    callbacks->suspend_cert = listed(value, "cert");
    callbacks->suspend_hello = listed(value, "hello");
    callbacks->suspend_verify = listed(value, "verify");
    /* A callback of Rust's that panics is to C one that fails. */
    value = get(line, "fail") != NULL ? get(line, "fail") : get(line, "panic");
    callbacks->fail_cert = listed(value, "cert");
    callbacks->fail_hello = listed(value, "hello");
    callbacks->fail_verify = listed(value, "verify");
    if (callbacks->suspend_cert || callbacks->fail_cert)
        SSL_CTX_set_cert_cb(context, on_certificate, callbacks);
    if (callbacks->suspend_hello || callbacks->fail_hello)
        SSL_CTX_set_client_hello_cb(context, on_hello, callbacks);
    SSL_CTX_set_verify(context, mode, callbacks->suspend_verify || callbacks->fail_verify ? on_verify : NULL);
    return context;
}

static SSL *make_object(SSL_CTX *context, const struct line *line)
{
    SSL *ssl = SSL_new(context);
    const char *value;

    must(ssl != NULL, "SSL_new");
    if ((value = get(line, "host")) != NULL)
        must(SSL_set1_host(ssl, value) && SSL_set_tlsext_host_name(ssl, value), "host");
    if (is(get(line, "state"), "connect"))
        SSL_set_connect_state(ssl);
    if (is(get(line, "state"), "accept"))
        SSL_set_accept_state(ssl);
    return ssl;
}

static void make(struct run *run, const struct line *line)
{
    BIO *near;

    if (is(line->word[0], "peer")) {
        run->peer_context = make_context(run, line, &cb_of[1]);
        run->peer = make_object(run->peer_context, line);
        run->peer_in = BIO_new(BIO_s_mem());
        run->peer_out = BIO_new(BIO_s_mem());
        BIO_set_mem_eof_return(run->peer_in, -1);
        SSL_set_bio(run->peer, run->peer_in, run->peer_out);
        return;
    }
    run->context = make_context(run, line, &cb_of[0]);
    run->ssl = make_object(run->context, line);
    if (!is(get(line, "bio"), "none")) {
        must((near = open_transport(run)) != NULL, "transport");
        SSL_set_bio(run->ssl, near, near);
    }
}

/* The peer, which answers with an object of its own */

static void peer_go_on(struct run *run)
{
    int len;

    if (!SSL_is_init_finished(run->peer))
        SSL_do_handshake(run->peer);
    if (SSL_is_init_finished(run->peer)) {
        while ((len = SSL_read(run->peer, run->peer_got.data + run->peer_got.len, (int)(ROOM - run->peer_got.len))) > 0)
            run->peer_got.len += len;
    }
    ERR_clear_error();
}

static void peer_take(struct run *run, struct bytes *to)
{
    int len;

    while ((len = BIO_read(run->peer_out, to->data + to->len, (int)(ROOM - to->len))) > 0)
        to->len += len;
    ERR_clear_error();
}

/* One round: what the object sent reaches the peer, and what the peer answers the object. */
static void pump(struct run *run, const struct line *line)
{
    static struct bytes bytes;
    long cut = line->words > 1 ? atol(line->word[1]) : ROOM;

    bytes.len = 0;
    far_take(run, &bytes);
    if (bytes.len > 0)
        BIO_write(run->peer_in, bytes.data, (int)bytes.len);
    peer_go_on(run);
    bytes.len = 0;
    peer_take(run, &bytes);
    if (cut < 0)
        cut = cut + (long)bytes.len > 0 ? cut + (long)bytes.len : 0;
    far_send(run, bytes.data, (size_t)cut < bytes.len ? (size_t)cut : bytes.len);
}

static void peer_act(struct run *run, const struct line *line, int at)
{
    const char *what = line->word[at];

    if (is(what, "write"))
        must(SSL_write(run->peer, line->word[at + 1], (int)strlen(line->word[at + 1])) > 0, "peer write");
    else if (is(what, "shutdown"))
        must(SSL_shutdown(run->peer) >= 0, "peer shutdown");
    else if (is(what, "keyupdate"))
        must(SSL_key_update(run->peer, SSL_KEY_UPDATE_REQUESTED) && SSL_do_handshake(run->peer) == 1, "key update");
    else
        die(what);
}

/* `auto FLIGHT ACTION`: answers a blocking object from a thread, and does something else with that flight. */
static void *answer(void *data)
{
    static struct bytes bytes;
    struct run *run = data;
    const struct line *line = &run->automatic;
    int flight = 0, when = atoi(line->word[1]);
    ssize_t len = 0;

    /* A client speaks first. */
    do {
        if (len > 0)
            BIO_write(run->peer_in, bytes.data, (int)len);
        peer_go_on(run);
        bytes.len = 0;
        peer_take(run, &bytes);
        if (bytes.len > 0 && flight++ == when) {
            if (is(line->word[2], "close")) {
                far_close(run, 0);
                break;
            }
            if (is(line->word[2], "cut")) {
                far_send(run, bytes.data, (size_t)atol(line->word[3]));
                far_close(run, 0);
                break;
            }
            peer_act(run, line, 2);
            peer_take(run, &bytes);
        }
        far_send(run, bytes.data, bytes.len);
    } while ((len = read(run->far_fd, bytes.data, ROOM)) > 0);
    return NULL;
}

/* The object under test */

static void before(struct run *run)
{
    if (!run->stale)
        ERR_clear_error();
    run->stale = 0;
    errno = 0;
}

static void report(struct run *run, const char *call, int ret, const char *detail)
{
    int saved = errno;
    int code = SSL_get_error(run->ssl, ret);
    const char *comma = "";
    unsigned long error;

    printf("%s %d %d", call, ret, code);
    if (code == SSL_ERROR_NONE) {
        printf(" %s\n", detail);
        return;
    }
    printf(" %d [", saved);
    while ((error = ERR_get_error()) != 0) {
        printf("%s%d:%d", comma, ERR_GET_LIB(error), ERR_GET_REASON(error));
        comma = ",";
    }
    printf("]\n");
}

static void call(struct run *run, const struct line *line)
{
    static unsigned char buffer[ROOM];
    const char *name = line->word[0];
    const char *argument = line->words > 1 ? line->word[1] : "";
    char detail[512] = "";
    size_t done = 0, len;
    int ret;

    before(run);
    if (is(name, "connect")) {
        ret = SSL_connect(run->ssl);
    } else if (is(name, "accept")) {
        ret = SSL_accept(run->ssl);
    } else if (is(name, "do_handshake")) {
        ret = SSL_do_handshake(run->ssl);
    } else if (is(name, "shutdown")) {
        ret = SSL_shutdown(run->ssl);
    } else if (is(name, "read")) {
        ret = SSL_read_ex(run->ssl, buffer, (size_t)atol(argument), &done);
    } else if (is(name, "peek")) {
        ret = SSL_peek_ex(run->ssl, buffer, (size_t)atol(argument), &done);
    } else {
        /* A number is that many bytes, a text itself. */
        len = (size_t)atol(argument);
        memset(buffer, 'x', len);
        if (len == 0 && strcmp(argument, "0") != 0) {
            len = strlen(argument);
            memcpy(buffer, argument, len);
        }
        ret = SSL_write_ex(run->ssl, buffer, len, &done);
        if (ret == 1)
            snprintf(detail, sizeof(detail), "%zu", done);
    }
    if (ret == 1 && (is(name, "read") || is(name, "peek")))
        snprintf(detail, sizeof(detail), "%.*s", (int)done, buffer);
    report(run, name, ret, detail);
}

static void step(struct run *run, const struct line *line)
{
    const char *verb = line->word[0];
    const char *argument = line->words > 1 ? line->word[1] : "";
    unsigned char bytes[4096];
    struct fault *fault;
    int op;

    if (is(verb, "client") || is(verb, "server") || is(verb, "peer")) {
        if (is(verb, "peer") && run->peer != NULL)
            peer_act(run, line, 1);
        else
            make(run, line);
    } else if (is(verb, "pump")) {
        pump(run, line);
    } else if (is(verb, "got")) {
        printf("got %.*s\n", (int)run->peer_got.len, run->peer_got.data);
    } else if (is(verb, "hex")) {
        far_send(run, bytes, unhex(argument, bytes));
    } else if (is(verb, "text")) {
        snprintf((char *)bytes, sizeof(bytes), "%s\r\n", line->text);
        far_send(run, bytes, strlen((char *)bytes));
    } else if (is(verb, "close") || is(verb, "reset")) {
        far_close(run, is(verb, "reset"));
    } else if (is(verb, "fault")) {
        op = is(argument, "read") ? READ : is(argument, "write") ? WRITE : FLUSH;
        fault = &run->faults[op][run->last[op]++];
        fault->what = strdup(line->word[2]);
        fault->number = line->words > 3 ? atoi(line->word[3]) : 0;
    } else if (is(verb, "room")) {
        run->room = is(argument, "all") ? ROOM : (size_t)atol(argument);
    } else if (is(verb, "raise")) {
        ERR_raise(atoi(argument), atoi(line->word[2]));
        run->stale = 1;
    } else if (is(verb, "clear")) {
        printf("clear %d\n", SSL_clear(run->ssl));
    } else if (is(verb, "auto")) {
        run->automatic = *line;
        run->running = 1;
        must(pthread_create(&run->thread, NULL, answer, run) == 0, "pthread_create");
    } else {
        call(run, line);
    }
}

static void play(const char *certificates, const char *transport, char *lines[], int count)
{
    static struct run run;
    struct line *line;
    int i;

    run.certificates = certificates;
    run.transport = transport;
    run.near_fd = run.far_fd = -1;
    for (i = 0; i < count; i++) {
        line = malloc(sizeof(*line));
        split(strdup(lines[i]), line);
        step(&run, line);
        fflush(stdout);
    }
    SSL_free(run.ssl);
    if (run.near_fd >= 0)
        close(run.near_fd);
    if (run.running)
        pthread_join(run.thread, NULL);
}

int main(int argc, char *argv[])
{
    static char *lines[4096];
    char text[4096], *list, *transport, *save, *id;
    int count = 0, i, next, status;
    pid_t child;
    FILE *file;

    if (argc != 3 || (file = fopen(argv[2], "r")) == NULL)
        die("usage: oracle CERTIFICATES SCENARIOS");
    signal(SIGPIPE, SIG_IGN);
    while (count < 4096 && fgets(text, sizeof(text), file) != NULL) {
        text[strcspn(text, "\n")] = '\0';
        if (text[0] != '\0' && text[0] != '#')
            lines[count++] = strdup(text);
    }
    printf("version %lx\n", OpenSSL_version_num());
    /* What is loaded once is loaded before the first fork. */
    SSL_CTX_free(SSL_CTX_new(TLS_method()));
    ERR_clear_error();
    for (i = 0; i < count; i = next) {
        for (next = i + 1; next < count && lines[next][0] != '@';)
            next++;
        must(sscanf(lines[i], "@ %ms %ms", &id, &list) == 2, lines[i]);
        for (transport = strtok_r(list, ",", &save); transport != NULL; transport = strtok_r(NULL, ",", &save)) {
            printf("= %s %s\n", id, transport);
            fflush(stdout);
            if ((child = fork()) == 0) {
                play(argv[1], transport, lines + i + 1, next - i - 1);
                fflush(stdout);
                _exit(0);
            }
            must(child > 0 && waitpid(child, &status, 0) == child, "fork");
            if (WIFSIGNALED(status))
                printf("crash %d\n", WTERMSIG(status));
            else if (WEXITSTATUS(status) != 0)
                printf("broken %d\n", WEXITSTATUS(status));
        }
    }
    return 0;
}
