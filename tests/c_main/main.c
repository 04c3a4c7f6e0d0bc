/* A program whose main is C's: nobody has ignored SIGPIPE for it. */
#include <signal.h>
#include <string.h>

/* In lib.rs: shakes hands, lets the peer go, and writes until that fails. 0: it failed with EPIPE. */
int write_to_nobody(int over_socket);

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
    return 2;
}
