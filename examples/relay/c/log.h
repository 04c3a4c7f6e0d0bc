/* What the relay says: one line an event, on stderr. */
#ifndef RELAY_LOG_H
#define RELAY_LOG_H

#include <stddef.h>

/* Room for a reason in words. What is longer is cut short. */
#define REASON_SIZE 512

/* Writes one line at once, so that nothing comes between its parts. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What errno says, with its number. */
void describe_errno(char *reason, size_t size, int error);

/* Empties OpenSSL's error queue into one line, the root cause first. Returns 0 where the queue was empty. */
int describe_queue(char *reason, size_t size);

/* The root cause alone, for calls whose callers in OpenSSL have nothing to add. Empties the queue too. */
void describe_root(char *reason, size_t size);

#endif
