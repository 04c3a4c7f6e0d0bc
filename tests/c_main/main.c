/* A program whose main is C's: nobody has ignored SIGPIPE for it, and what Rust gives it is C's from then on. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

/* In lib.rs: shakes hands, lets the peer go, and writes until that fails. 0: it failed with EPIPE. */
int write_to_nobody(int over_socket);

/* In crossing.rs: two contexts that fit each other, with one reference each for C. */
int make_contexts(SSL_CTX **client, SSL_CTX **server);
/* A verify callback that panics. */
int panic_in_verify(int preverified, X509_STORE_CTX *store);
/* Takes a handshake over, makes one call, and gives the object back; NULL if it failed. Once connected it writes. */
SSL *go_on(SSL *ssl, int *connected);
/* Fails, and leaves the reason in the error queue and in errno. */
int fail_for_c(void);

#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);               \
            ERR_print_errors_fp(stderr);                                          \
            return 5;                                                             \
        }                                                                         \
    } while (0)

static int app_data = 7;
static int messages;

static void count_messages(int written, int version, int type, const void *data, size_t len, SSL *ssl, void *arg)
{
    (void)written, (void)version, (void)type, (void)data, (void)len, (void)arg;
    if (SSL_get_app_data(ssl) == &app_data)
        messages++;
}

/* A client and a server over a BIO pair, of contexts that Rust made; C adds what it needs. */
static int make_both(SSL **client, SSL **server, int (*verify)(int, X509_STORE_CTX *))
{
    SSL_CTX *client_context, *server_context;
    BIO *one, *other;

    CHECK(make_contexts(&client_context, &server_context) == 1);
    SSL_CTX_set_msg_callback(client_context, count_messages);
    if (verify != NULL)
        SSL_CTX_set_verify(client_context, SSL_VERIFY_PEER, verify);
    CHECK((*client = SSL_new(client_context)) != NULL && (*server = SSL_new(server_context)) != NULL);
    SSL_CTX_free(client_context);
    SSL_CTX_free(server_context);
    CHECK(BIO_new_bio_pair(&one, 0, &other, 0) == 1);
    SSL_set_bio(*client, one, one);
    SSL_set_bio(*server, other, other);
    SSL_set_app_data(*client, &app_data);
    CHECK(SSL_set1_host(*client, "localhost") == 1);
    SSL_set_connect_state(*client);
    SSL_set_accept_state(*server);
    return 0;
}

/* C begins, Rust and C take turns at each suspension, and C has the connection in the end. */
static int hand_over(void)
{
    SSL *client, *server;
    int turn, ret, connected = 0, accepted = 0;
    char data[32] = "";

    CHECK(make_both(&client, &server, NULL) == 0);
    for (turn = 0; turn < 20 && !(connected && accepted); turn++) {
        if (!connected && turn % 2 == 0) {
            ret = SSL_do_handshake(client);
            CHECK(ret == 1 || SSL_get_error(client, ret) == SSL_ERROR_WANT_READ);
            connected = ret == 1;
        } else if (!connected) {
            CHECK((client = go_on(client, &connected)) != NULL);
        }
        if (!accepted) {
            ret = SSL_accept(server);
            CHECK(ret == 1 || SSL_get_error(server, ret) == SSL_ERROR_WANT_READ);
            accepted = ret == 1;
        }
    }
    CHECK(connected && accepted);
    /* One more crossing, of the connection. */
    CHECK((client = go_on(client, &connected)) != NULL);
    CHECK(SSL_read(server, data, sizeof(data)) == 9 && memcmp(data, "from Rust", 9) == 0);
    CHECK(SSL_write(client, "from C", 6) == 6);
    CHECK(SSL_read(server, data, sizeof(data)) == 6 && memcmp(data, "from C", 6) == 0);
    CHECK(SSL_shutdown(client) == 0 && SSL_read(server, data, 1) == 0);
    CHECK(SSL_get_error(server, 0) == SSL_ERROR_ZERO_RETURN && SSL_shutdown(server) == 1);
    CHECK(SSL_shutdown(client) == 1);
    CHECK(messages > 4 && SSL_get_app_data(client) == &app_data);
    SSL_free(client);
    SSL_free(server);
    return 0;
}

/* A Rust panic in a callback that C's own call of SSL_connect runs is a failed verification. */
static int panic_in_callback(void)
{
    SSL *client, *server;
    int ret = -1, turn;

    CHECK(make_both(&client, &server, panic_in_verify) == 0);
    for (turn = 0; turn < 4; turn++) {
        ERR_clear_error();
        ret = SSL_connect(client);
        if (SSL_get_error(client, ret) != SSL_ERROR_WANT_READ)
            break;
        SSL_accept(server);
    }
    CHECK(ret == -1 && SSL_get_error(client, ret) == SSL_ERROR_SSL);
    CHECK(SSL_get_verify_result(client) == X509_V_ERR_APPLICATION_VERIFICATION);
    ERR_clear_error();
    SSL_free(client);
    SSL_free(server);
    return 0;
}

/* What Rust failed at, C prints as any other error. */
static int print_error(void)
{
    errno = 0;
    CHECK(fail_for_c() == 0);
    CHECK(errno == ENOENT);
    CHECK(ERR_peek_error() != 0);
    ERR_print_errors_fp(stdout);
    CHECK(ERR_peek_error() == 0);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    if (strcmp(argv[1], "stream") == 0)
        return write_to_nobody(0);
    if (strcmp(argv[1], "socket") == 0)
        return write_to_nobody(1);
    if (strcmp(argv[1], "socket-ignored") == 0) {
        signal(SIGPIPE, SIG_IGN);
        return write_to_nobody(1);
    }
    if (strcmp(argv[1], "hand-over") == 0)
        return hand_over();
    if (strcmp(argv[1], "panic") == 0)
        return panic_in_callback();
    if (strcmp(argv[1], "error") == 0)
        return print_error();
    return 2;
}
