/* control.c - packets with descriptors, both sides. */
#include "platform/local/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "platform/local/control_internal.h"

bool control_address(const char *path, struct sockaddr_un *out, struct err *err)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof out->sun_path)
        return err_set(err, "the state directory's path %s is too long for a socket", path);
    memcpy(out->sun_path, path, strlen(path) + 1);
    return true;
}

int control_open(const char *path, struct err *err)
{
    struct sockaddr_un to;
    int fd SCOPED_FD = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (!control_address(path, &to, err)) return -1;
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return STEAL_FD(fd);
    if (errno == EACCES)
        err_set(err, "only root may talk to the local mesh");
    else
        err_set(err, "no local mesh is running here; osm local up DIR starts one");
    return -1;
}

bool control_send(int fd, const json_t *message, const int *fds, int n, struct err *err)
{
    struct arena *a SCOPED_ARENA = arena_new();
    struct str text = doc_line(a, message);
    char space[CMSG_SPACE(sizeof(int) * CONTROL_FDS)] = {0};
    struct iovec io = {(void *)text.p, text.n};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
    if (n > 0) {
        m.msg_control = space;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)n);
    }
    return sendmsg(fd, &m, MSG_NOSIGNAL) >= 0 || err_errno(err, errno, "cannot talk to the local mesh");
}

json_t *control_read(int fd, int *fds, int *n)
{
    char *bytes = xmalloc(CONTROL_MAX), space[CMSG_SPACE(sizeof(int) * CONTROL_FDS)];
    struct iovec io = {bytes, CONTROL_MAX};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    ssize_t got = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    *n = 0;
    for (struct cmsghdr *c = got > 0 ? CMSG_FIRSTHDR(&m) : NULL; c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        *n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(c), sizeof(int) * (size_t)*n);
    }
    json_t *message = got > 0 ? json_loadb(bytes, (size_t)got, JSON_REJECT_DUPLICATES, NULL) : NULL;
    free(bytes);
    return message;
}

json_t *control_receive(int fd, int *got, struct err *err)
{
    int fds[CONTROL_FDS], n;
    json_t *m = control_read(fd, fds, &n);
    for (int i = got ? 1 : 0; i < n; i++) close(fds[i]);
    if (got) *got = n > 0 ? fds[0] : -1;
    if (!m) return err_set(err, "the local mesh has ended"), NULL;
    const char *why = doc_cstr(m, "error");
    if (!why) return m;
    err_set(err, "%s", why);
    json_decref(m);
    return NULL;
}
