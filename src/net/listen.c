#include "net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"

enum { BACKLOG = 4096 };

int listen_tcp(const char *address, uint16_t port, struct err *err)
{
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE},
                    *to;
    int rc = getaddrinfo(address, service, &hints, &to);
    if (rc) {
        err_set(err, "cannot listen on %s: %s; give a numeric address", address, gai_strerror(rc));
        return -1;
    }
    int fd SCOPED_FD = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
              setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
              bind(fd, to->ai_addr, to->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    int code = errno;
    freeaddrinfo(to);
    if (!ok) {
        err_errno(err, code, "cannot listen on %s port %u", address, port);
        return -1;
    }
    return STEAL_FD(fd);
}

static bool is_alive(const struct sockaddr_un *at)
{
    int fd SCOPED_FD = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) == 0;
}

int listen_unix(const char *path, unsigned mode, struct err *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path) {
        err_set(err, "%s: longer than the %zu bytes that a Unix socket's path may have", path, sizeof at.sun_path - 1);
        return -1;
    }
    strcpy(at.sun_path, path);
    if (is_alive(&at)) {
        err_set(err, "%s: another process listens here already; end it first", path);
        return -1;
    }
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) unlink(path);
    int fd SCOPED_FD = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* The mode must hold from the first moment: fchmod before bind decides what bind creates. */
    if (fd < 0 || fchmod(fd, mode) || bind(fd, (struct sockaddr *)&at, sizeof at) || chmod(path, mode) ||
        listen(fd, BACKLOG)) {
        err_errno(err, errno, "cannot listen on %s", path);
        return -1;
    }
    return STEAL_FD(fd);
}

uint16_t listen_port(int fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n)) return 0;
    if (a.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&a)->sin_port);
    if (a.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&a)->sin6_port);
    return 0;
}

void peer_address(int fd, char out[64])
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    char host[INET6_ADDRSTRLEN];
    snprintf(out, 64, "unix");
    if (getpeername(fd, (struct sockaddr *)&a, &n)) return;
    if (a.ss_family == AF_INET) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(out, 64, "%s:%u", host, ntohs(v4->sin_port));
    } else if (a.ss_family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(out, 64, "[%s]:%u", host, ntohs(v6->sin6_port));
    }
}
