/* local_terminal.c - this terminal joined to one in a container, while a command runs on it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/local.h"
#include "platform/local/doc.h"

static void copy_size(int terminal)
{
    struct winsize size;
    if (ioctl(0, TIOCGWINSZ, &size) == 0) ioctl(terminal, TIOCSWINSZ, &size);
}

/* Bytes that are there; false at the end. */
static bool pass(int from, int to)
{
    char bytes[16384];
    ssize_t n = read(from, bytes, sizeof bytes);
    if (n < 0) return errno == EINTR || errno == EAGAIN;
    for (ssize_t done = 0, more; done < n; done += more)
        if ((more = write(to, bytes + done, (size_t)(n - done))) < 0) return false;
    return n > 0;
}

/* Until the command's end is told; the rest of its output is on the terminal by then. */
static json_t *join(int control, int terminal, int resized, struct err *err)
{
    struct pollfd p[] = {{0, POLLIN, 0}, {terminal, POLLIN, 0}, {control, POLLIN, 0}, {resized, POLLIN, 0}};
    struct signalfd_siginfo ignored;
    for (;;) {
        if (poll(p, 4, -1) < 0 && errno != EINTR) return err_errno(err, errno, "cannot wait"), NULL;
        if (p[3].revents && read(resized, &ignored, sizeof ignored) > 0) copy_size(terminal);
        if (p[0].revents && !pass(0, terminal)) p[0].fd = -1;
        if (p[1].revents) {
            if (!pass(terminal, 1)) p[1].fd = -1;
            continue;
        }
        if (p[2].revents) return control_receive(control, NULL, err);
    }
}

json_t *local_terminal(int control, int console, struct err *err)
{
    int terminal SCOPED_FD = -1;
    struct pollfd p[] = {{console, POLLIN, 0}, {control, POLLIN, 0}};
    while (poll(p, 2, -1) < 0 && errno == EINTR) {}
    if (!p[0].revents || !(p[0].revents & POLLIN)) return control_receive(control, NULL, err); /* it did not start */
    json_t *opened SCOPED_JSON = control_receive(console, &terminal, err);
    if (!opened || terminal < 0) return control_receive(control, NULL, err);
    sigset_t resize;
    sigemptyset(&resize);
    sigaddset(&resize, SIGWINCH);
    sigprocmask(SIG_BLOCK, &resize, NULL);
    int resized SCOPED_FD = signalfd(-1, &resize, SFD_CLOEXEC | SFD_NONBLOCK);
    struct termios before, raw;
    copy_size(terminal);
    tcgetattr(0, &before);
    raw = before;
    cfmakeraw(&raw);
    tcsetattr(0, TCSADRAIN, &raw);
    json_t *answer = join(control, terminal, resized, err);
    tcsetattr(0, TCSADRAIN, &before);
    return answer;
}
