#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

void log_line(const char *format, ...)
{
    char line[REASON_SIZE + 512];
    va_list arguments;
    int length;
    size_t end;

    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line) - 1, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    end = (size_t)length < sizeof(line) - 2 ? (size_t)length : sizeof(line) - 2;
    line[end++] = '\n';
    /* Where nobody reads stderr there is nobody to tell. */
    if (write(STDERR_FILENO, line, end) < 0)
        return;
}

void describe_errno(char *reason, size_t size, int error)
{
    snprintf(reason, size, "%s (os error %d)", strerror(error), error);
}

/* Takes the oldest entry of the queue. Returns 0 where there is none. */
static int take_entry(char *reason, size_t size)
{
    const char *data;
    int flags;
    size_t length;
    unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);

    if (code == 0)
        return 0;
    /* OpenSSL's own text for these depends on its version. */
    if (ERR_SYSTEM_ERROR(code))
        describe_errno(reason, size, ERR_GET_REASON(code));
    else
        ERR_error_string_n(code, reason, size);
    length = strlen(reason);
    if ((flags & ERR_TXT_STRING) != 0 && data[0] != '\0')
        snprintf(reason + length, size - length, " (%s)", data);
    return 1;
}

int describe_queue(char *reason, size_t size)
{
    size_t length = 0;

    while (length + 3 < size && take_entry(reason + length, size - length)) {
        length += strlen(reason + length);
        if (ERR_peek_error() == 0)
            return 1;
        snprintf(reason + length, size - length, "; ");
        length += strlen(reason + length);
    }
    ERR_clear_error();
    return length > 0;
}

void describe_root(char *reason, size_t size)
{
    if (!take_entry(reason, size))
        snprintf(reason, size, "no reason given");
    ERR_clear_error();
}
