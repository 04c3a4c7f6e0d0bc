/*
 * Judges certificate chains with X509_verify_cert(3): a chain a line of stdin, a verdict a line of stdout.
 *
 * In:  DIRECTORY NUMBER alone|tls server|client [key=value ...]
 * Out: NUMBER alone|tls server|client accepted NAME|- | refused CODE DEPTH | unset | malformed
 *
 * `alone` verifies as `openssl verify` does, `tls` as libssl does with the settings of a connection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

static void die(const char *why, const char *what)
{
    fprintf(stderr, "oracle: %s: %s\n", why, what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static BIO *open_file(const char *directory, const char *number, const char *name)
{
    char path[4096];
    BIO *bio;

    snprintf(path, sizeof(path), "%s/%s.%s.pem", directory, number, name);
    bio = BIO_new_file(path, "r");
    if (bio == NULL)
        die("cannot read", path);
    return bio;
}

/* NULL for what cannot be parsed. */
static STACK_OF(X509) *certificates(const char *directory, const char *number, const char *name)
{
    BIO *bio = open_file(directory, number, name);
    STACK_OF(X509) *stack = sk_X509_new_null();
    X509 *certificate;

    while ((certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL)
        sk_X509_push(stack, certificate);
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        sk_X509_pop_free(stack, X509_free);
        stack = NULL;
    }
    ERR_clear_error();
    BIO_free(bio);
    return stack;
}

static STACK_OF(X509_CRL) *lists(const char *directory, const char *number)
{
    BIO *bio = open_file(directory, number, "crls");
    STACK_OF(X509_CRL) *stack = sk_X509_CRL_new_null();
    X509_CRL *crl;

    while ((crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL)
        sk_X509_CRL_push(stack, crl);
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        die("not a revocation list", number);
    ERR_clear_error();
    BIO_free(bio);
    return stack;
}

static size_t unhex(const char *hex, char *bytes, size_t room)
{
    size_t len = strlen(hex) / 2, i;
    unsigned int byte;

    if (len >= room)
        die("too long", hex);
    for (i = 0; i < len; i++) {
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            die("not hexadecimal", hex);
        bytes[i] = (char)byte;
    }
    bytes[len] = '\0';
    return len;
}

/* Whether C takes the setting. */
static int set(X509_VERIFY_PARAM *param, int *hosts, const char *key, const char *value)
{
    char bytes[4096];
    size_t len;

    if (strcmp(key, "host") == 0) {
        len = unhex(value, bytes, sizeof(bytes));
        if ((*hosts)++ == 0)
            return X509_VERIFY_PARAM_set1_host(param, bytes, len);
        return X509_VERIFY_PARAM_add1_host(param, bytes, len);
    }
    if (strcmp(key, "hostflags") == 0) {
        X509_VERIFY_PARAM_set_hostflags(param, (unsigned int)strtoul(value, NULL, 0));
        return 1;
    }
    if (strcmp(key, "ip") == 0)
        return X509_VERIFY_PARAM_set1_ip_asc(param, value);
    if (strcmp(key, "email") == 0)
        return X509_VERIFY_PARAM_set1_email(param, value, strlen(value));
    if (strcmp(key, "purpose") == 0)
        return X509_VERIFY_PARAM_set_purpose(param, atoi(value));
    if (strcmp(key, "flags") == 0)
        return X509_VERIFY_PARAM_set_flags(param, strtoul(value, NULL, 0));
    if (strcmp(key, "depth") == 0) {
        X509_VERIFY_PARAM_set_depth(param, atoi(value));
        return 1;
    }
    if (strcmp(key, "level") == 0) {
        X509_VERIFY_PARAM_set_auth_level(param, atoi(value));
        return 1;
    }
    if (strcmp(key, "time") == 0) {
        X509_VERIFY_PARAM_set_time(param, (time_t)atoll(value));
        return 1;
    }
    if (strcmp(key, "policy") == 0)
        return X509_VERIFY_PARAM_add0_policy(param, OBJ_txt2obj(value, 1));
    die("no such setting", key);
    return 0;
}

static void judge(const char *directory, const char *number, int tls, int server, X509_VERIFY_PARAM *param)
{
    STACK_OF(X509) *leaves = certificates(directory, number, "leaf");
    STACK_OF(X509) *untrusted = certificates(directory, number, "untrusted");
    STACK_OF(X509) *anchors = certificates(directory, number, "anchors");
    STACK_OF(X509_CRL) *crls = lists(directory, number);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    const char *name;
    int i;

    if (leaves == NULL || untrusted == NULL || anchors == NULL) {
        printf("malformed\n");
        goto end;
    }
    for (i = 0; i < sk_X509_num(anchors); i++)
        if (!X509_STORE_add_cert(store, sk_X509_value(anchors, i)))
            die("the store refuses", number);
    if (tls) {
        for (i = 0; i < sk_X509_CRL_num(crls); i++)
            if (!X509_STORE_add_crl(store, sk_X509_CRL_value(crls, i)))
                die("the store refuses a list", number);
    } else if (!X509_STORE_set1_param(store, param)) {
        die("the store refuses the settings", number);
    }
    if (sk_X509_num(leaves) != 1
            || !X509_STORE_CTX_init(context, store, sk_X509_value(leaves, 0), untrusted))
        die("cannot begin", number);
    if (tls) {
        if (!X509_STORE_CTX_set_default(context, server ? "ssl_server" : "ssl_client")
                || !X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(context), param))
            die("cannot set", number);
    } else {
        X509_STORE_CTX_set0_crls(context, crls);
    }

    if (X509_verify_cert(context) > 0) {
        name = X509_VERIFY_PARAM_get0_peername(X509_STORE_CTX_get0_param(context));
        printf("accepted ");
        if (name == NULL)
            printf("-");
        else
            for (; *name != '\0'; name++)
                printf("%02x", (unsigned char)*name);
        printf("\n");
    } else {
        printf("refused %d %d\n", X509_STORE_CTX_get_error(context), X509_STORE_CTX_get_error_depth(context));
    }

end:
    ERR_clear_error();
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    sk_X509_pop_free(leaves, X509_free);
    sk_X509_pop_free(untrusted, X509_free);
    sk_X509_pop_free(anchors, X509_free);
    sk_X509_CRL_pop_free(crls, X509_CRL_free);
}

int main(void)
{
    static char line[65536];
    char *directory, *number, *mode, *role, *key, *value;
    X509_VERIFY_PARAM *param;
    int hosts, taken;

    printf("version %lx\n", OpenSSL_version_num());
    while (fgets(line, sizeof(line), stdin) != NULL) {
        directory = strtok(line, " \n");
        number = strtok(NULL, " \n");
        mode = strtok(NULL, " \n");
        role = strtok(NULL, " \n");
        if (role == NULL)
            die("not a case", line);
        param = X509_VERIFY_PARAM_new();
        hosts = 0;
        taken = 1;
        while ((key = strtok(NULL, " \n")) != NULL) {
            value = strchr(key, '=');
            if (value == NULL)
                die("not a setting", key);
            *value++ = '\0';
            taken = taken && set(param, &hosts, key, value);
        }
        printf("%s %s %s ", number, mode, role);
        if (taken)
            judge(directory, number, strcmp(mode, "tls") == 0, strcmp(role, "server") == 0, param);
        else
            printf("unset\n");
        X509_VERIFY_PARAM_free(param);
    }
    return 0;
}
